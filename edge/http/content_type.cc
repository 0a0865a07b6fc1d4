#include "edge/http/content_type.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace milepost::edge::http {
namespace {

bool IsUtf8(absl::string_view charset) {
  if (charset.size() >= 2 && charset.front() == '"' && charset.back() == '"') {
    charset = charset.substr(1, charset.size() - 2);
  }
  return absl::EqualsIgnoreCase(charset, "utf-8") || absl::EqualsIgnoreCase(charset, "utf8");
}

}  // namespace

BodyType ParseContentType(absl::string_view value) {
  const std::vector<absl::string_view> parts = absl::StrSplit(value, ';');
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::pair<absl::string_view, absl::string_view> param =
        absl::StrSplit(absl::StripAsciiWhitespace(parts[i]), absl::MaxSplits('=', 1));
    if (absl::EqualsIgnoreCase(param.first, "charset") && !IsUtf8(param.second)) return BodyType::kOther;
  }
  const absl::string_view type = absl::StripAsciiWhitespace(parts[0]);
  if (absl::EqualsIgnoreCase(type, "application/json")) return BodyType::kJson;
  if (absl::EqualsIgnoreCase(type, "application/x-ndjson")) return BodyType::kNdjson;
  return BodyType::kOther;
}

}  // namespace milepost::edge::http
