#include "edge/http/etag.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace milepost::edge::http {
namespace {

bool ListHas(absl::string_view list, absl::string_view opaque) {
  if (absl::StripAsciiWhitespace(list) == "*") return true;
  while (true) {
    while (!list.empty() && (list[0] == ',' || list[0] == ' ' || list[0] == '\t')) list.remove_prefix(1);
    absl::ConsumePrefix(&list, "W/");
    if (list.empty() || list[0] != '"') return false;
    const size_t close = list.find('"', 1);  // a comma inside is part of the tag
    if (close == absl::string_view::npos) return false;
    if (list.substr(0, close + 1) == opaque) return true;
    list.remove_prefix(close + 1);
  }
}

}  // namespace

bool HasCurrent(const Request& request, absl::string_view etag) {
  absl::ConsumePrefix(&etag, "W/");
  for (const auto& [name, value] : request.headers) {
    if (absl::EqualsIgnoreCase(name, "If-None-Match") && ListHas(value, etag)) return true;
  }
  return false;
}

std::string WeakEtag(absl::string_view text) { return absl::StrCat("W/\"", text, "\""); }

Response JsonWithEtag(const Request& request, std::string etag, std::string json) {
  Response response;
  response.headers = {{"Cache-Control", "private, no-cache"}};
  if (HasCurrent(request, etag)) {
    response.status = 304;
  } else {
    response.headers.emplace_back("Content-Type", "application/json");
    response.body = std::move(json);
  }
  response.headers.emplace_back("ETag", std::move(etag));
  return response;
}

}  // namespace milepost::edge::http
