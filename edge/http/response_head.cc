#include "edge/http/response_head.h"

#include "absl/strings/str_cat.h"

namespace milepost::edge::http {

bool IsBodiless(unsigned status) { return status == 204 || status == 304; }

std::string FormatHead(const Response& response, bool keep_alive, bool http10, absl::Time now) {
  std::string head = absl::StrCat("HTTP/1.1 ", response.status, " ", ReasonPhrase(response.status), "\r\nDate: ",
                                  absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", now, absl::UTCTimeZone()), "\r\n");
  constexpr absl::string_view kForbidden("\r\n\0", 3);
  for (const auto& [name, value] : response.headers) {
    if (absl::string_view(value).find_first_of(kForbidden) != absl::string_view::npos) continue;
    absl::StrAppend(&head, name, ": ", value, "\r\n");
  }
  const bool has_length = response.has_length && !IsBodiless(response.status);
  if (has_length) absl::StrAppend(&head, "Content-Length: ", response.body.size(), "\r\n");
  if (!keep_alive) {
    absl::StrAppend(&head, "Connection: close\r\n");
  } else if (http10) {
    absl::StrAppend(&head, "Connection: keep-alive\r\n");
  }
  return head + "\r\n";
}

}  // namespace milepost::edge::http
