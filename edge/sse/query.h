// The query part of a URL. Pure functions; any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace milepost::edge::sse {

// `text` with each %XX replaced by the byte, once. INVALID_ARGUMENT for a '%' without two hexadecimal digits;
// the message begins with `name`.
absl::StatusOr<std::string> PercentDecode(absl::string_view text, absl::string_view name);

// A parameter's name as it may stand in a message: a plain one as it is, any other quoted.
std::string ParamLabel(absl::string_view name);

using QueryParam = std::pair<std::string, std::string>;  // name, value; both decoded

// The parameters in order. A parameter without '=' has an empty value; nothing between two '&' is skipped. '+' stays
// '+': it is a space only in forms. Errors as of PercentDecode, named after the parameter.
absl::StatusOr<std::vector<QueryParam>> ParseQuery(absl::string_view query);

}  // namespace milepost::edge::sse
