// The status line and header of an answer, as bytes. Pure; any thread.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "edge/http/response.h"

namespace milepost::edge::http {

// Ends with the empty line. Content-Length is that of `response.body`, also if the body will be left out (HEAD); 204,
// 304 and answers without has_length have none. Fields of `response` whose value holds a CR, LF or NUL are left out: they would let
// input write header lines. `http10` is the client's version.
std::string FormatHead(const Response& response, bool keep_alive, bool http10, absl::Time now);

// True for answers that never have a body: 204 and 304.
bool IsBodiless(unsigned status);

}  // namespace milepost::edge::http
