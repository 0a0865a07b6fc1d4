// What Beast 1.81 lets through in the head of a request and must not pass: such requests are read one way here and
// another way by a proxy in front, which is how requests are smuggled. Pure functions; any thread.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "edge/http/limits.h"
#include "edge/http/request.h"
#include "edge/http/response.h"

namespace milepost::edge::http {

// Looks at the bytes of a head, with its empty line at the end, before a parser sees them: lines that continue
// the one before (parsers join them differently), control characters, and more than `max_headers` fields.
// Nothing if it is fine.
std::optional<Response> RefuseHeadBytes(absl::string_view head, size_t max_headers);

// The answer to a head whose version Beast does not take: 505 for another version of HTTP, else 400.
Response RefuseVersion(absl::string_view head);

// Looks at the parsed fields: exactly one good Host (HTTP/1.0 may do without), one Content-Length at most,
// Transfer-Encoding only "chunked", only on HTTP/1.1 and not beside Content-Length; no Expect but 100-continue.
std::optional<Response> RefuseFields(const Request& request);

// Splits `request->target` into path and query; takes "/path", "*" of OPTIONS, and "http://host/path".
std::optional<Response> SplitTarget(Request* request);

}  // namespace milepost::edge::http
