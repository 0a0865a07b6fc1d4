// Answers that a client may hold and ask about again: ETag and If-None-Match (RFC 9110, 8.8.3 and 13.1.2). Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "edge/http/request.h"
#include "edge/http/response.h"

namespace milepost::edge::http {

// True if the request says that it has what `etag` (quoted, perhaps with W/) stands for: its If-None-Match, which may be
// a list or several lines, holds it or is "*". Compared weakly. What is no list of entity tags holds nothing.
bool HasCurrent(const Request& request, absl::string_view etag);

// `text` as a weak entity tag. It must hold nothing but printable ASCII without quotes.
std::string WeakEtag(absl::string_view text);

// 304 if the request has what `etag` stands for, else 200 with `json`. Either is asked about at every use.
Response JsonWithEtag(const Request& request, std::string etag, std::string json);

}  // namespace milepost::edge::http
