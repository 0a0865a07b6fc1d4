// Answers, and problems (RFC 9457) as answers.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace milepost::edge::http {

// A value. Content-Length, Date and Connection are the connection's business and must not be set here.
struct Response {
  unsigned status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // False for the header of a stream (the answer to HEAD), whose length nobody knows.
  bool has_length = true;
};

// An application/problem+json answer. `title` is the same for all problems of a sort; `detail` says what was
// wrong here and what to do. Both are escaped here and may hold any bytes; quote input by contract::Quoted,
// so that at most 64 characters of it come back.
Response Problem(unsigned status, absl::string_view title, absl::string_view detail);

// The problem that a canonical code stands for:
//   INVALID_ARGUMENT, OUT_OF_RANGE                400    UNAUTHENTICATED     401    PERMISSION_DENIED  403
//   NOT_FOUND                                     404    UNIMPLEMENTED       501    RESOURCE_EXHAUSTED 429
//   ALREADY_EXISTS, FAILED_PRECONDITION, ABORTED  409    UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED     503
//   all others                                    500
// 429 and 503 carry Retry-After. `status` must not be OK.
Response Problem(const absl::Status& status);

// 415 for a body that is neither JSON nor NDJSON. `content_type` is the header's value, or empty.
Response UnsupportedMediaType(absl::string_view content_type);

// An application/json answer, not to be cached.
Response Json(std::string body);

// The phrase that follows `status` on the status line, for example "Not Found".
absl::string_view ReasonPhrase(unsigned status);

// The answer to a refused connection: 503 with Retry-After for most; a browser's EventSource, which would
// give up for good on a 503, gets a stream that says "come back later" and ends. `retry_ms` is what it is
// told to wait, in milliseconds.
Response Shed(bool event_stream, unsigned retry_ms);

}  // namespace milepost::edge::http
