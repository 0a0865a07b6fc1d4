// The grammar of resource names and patterns (contract: proto/milepost/v1/event.proto).
//
//   resource  kind ":" id          kind [a-z][a-z0-9_-]{0,31}   id [A-Za-z0-9._~-]{1,128}
//   pattern   kind ":*" or kind ":" prefix "*"
//
// Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace milepost::contract {

inline constexpr size_t kMaxKindBytes = 32;
inline constexpr size_t kMaxIdBytes = 128;
inline constexpr size_t kMaxResourceBytes = kMaxKindBytes + 1 + kMaxIdBytes;

// OK if `name` is a resource. Otherwise INVALID_ARGUMENT; the message begins with `field` and tells the rule.
absl::Status ValidateResource(absl::string_view name, absl::string_view field);

// OK if `name` is a resource or a pattern. Otherwise as above.
absl::Status ValidateResourceOrPattern(absl::string_view name, absl::string_view field);

// True for "kind:*" and "kind:prefix*". `name` is valid.
bool IsPattern(absl::string_view name);

// True if `pattern` (a name or a pattern, valid) covers `resource` (valid).
bool Covers(absl::string_view pattern, absl::string_view resource);

// The part before ":"; empty if there is none.
absl::string_view KindOf(absl::string_view resource);

// True for [a-z][a-z0-9_-]{0,31}.
bool IsKind(absl::string_view text);

// `input` in double quotes for an error message: at most 64 characters of it, anything but printable ASCII
// escaped, so that hostile input can neither flood nor forge a line of log or JSON.
std::string Quoted(absl::string_view input);

}  // namespace milepost::contract
