// Why a message could not be read: protobuf says only that, not which field.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace milepost::rpc {

// For bytes that did not parse as `type`: "notice.text: is not valid UTF-8" or "event: is no milepost.v1.…".
// Pure; meant for the path of errors, not for speed.
std::string ExplainParseFailure(const google::protobuf::Descriptor* type, absl::string_view bytes);

// True if `text` is well-formed UTF-8 (RFC 3629).
bool IsUtf8(absl::string_view text);

}  // namespace milepost::rpc
