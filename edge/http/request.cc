#include "edge/http/request.h"

#include "absl/strings/match.h"

namespace milepost::edge::http {

std::optional<std::string> Request::Header(absl::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (absl::EqualsIgnoreCase(field, name)) return value;
  }
  return std::nullopt;
}

}  // namespace milepost::edge::http
