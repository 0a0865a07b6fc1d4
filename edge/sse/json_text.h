// JSON as text: checked strictly, taken apart without a tree, and strings written. Protobuf's own JSON parser is
// lenient (it takes unquoted names and single quotes) and tells little of where a mistake is, so what comes from
// outside passes CheckJson first.
//
// Pure functions; safe from any thread. None of them recurses.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace milepost::edge::sse {

// Objects and arrays inside each other. Protobuf allows 100 levels of messages, and one level of a Struct
// takes three.
inline constexpr size_t kMaxJsonDepth = 32;

// OK if `text` is exactly one JSON value (RFC 8259) in valid UTF-8, no deeper than kMaxJsonDepth, its numbers
// within the range of a double, white space around it allowed. Otherwise INVALID_ARGUMENT with the place: "byte 17: …", counted from 1.
absl::Status CheckJson(absl::string_view text);

// All that follows takes a value that passed CheckJson, or a part of one.

enum class JsonType { kObject, kArray, kString, kNumber, kBool, kNull };
JsonType TypeOf(absl::string_view value);

// The items of an array, as parts of `array`; at most `max` + 1 of them, so that the caller sees whether there
// are too many.
std::vector<absl::string_view> ArrayItems(absl::string_view array, size_t max);

// The members of an object: name, unescaped, and value, a part of `object`. At most `max` + 1.
std::vector<std::pair<std::string, absl::string_view>> ObjectMembers(absl::string_view object, size_t max);

// The text of a string, unescaped, in UTF-8.
std::string StringValue(absl::string_view value);

// `text` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD.
std::string JsonQuote(absl::string_view text);

}  // namespace milepost::edge::sse
