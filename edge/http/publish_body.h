// POST /v1/events: the body as events, and what became of them as JSON.
//
// Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "edge/http/response.h"
#include "milepost/v1/event.pb.h"
#include "milepost/v1/event_service.pb.h"

namespace milepost::edge::http {

// Events of one request. Past it: 413.
inline constexpr size_t kMaxPublishEvents = 1000;

struct PublishBody {
  // In input order. A bad NDJSON line or array element is INVALID_ARGUMENT with a message that names the line
  // or element, and the field.
  std::vector<absl::StatusOr<v1::ProgressEvent>> events;
  // True if the body was one object, not a list: it is answered with a problem if it is rejected.
  bool single = false;
};

// Reads a body. `content_type` is the header's value, empty if there is none. Otherwise the problem to answer
// with: 415 for another content type, 413 for too many events, 400 for what is no JSON, is empty, or is one
// bad event alone.
std::variant<PublishBody, Response> ParsePublishBody(absl::string_view content_type, absl::string_view body);

// The answer. `results` has one result for each good event of `body`, in order, as the service gave them.
//   {"results":[{"seq":"1","cursor":"…"},{"error":{"code":"INVALID_ARGUMENT","message":"…"}}]}
// A single event that was rejected gives a problem.
Response PublishAnswer(const PublishBody& body, const v1::PublishResponse& results);

}  // namespace milepost::edge::http
