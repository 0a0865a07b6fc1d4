#include "edge/http/response.h"

#include "absl/strings/str_cat.h"
#include "edge/sse/json_text.h"
#include "proto/contract/resource.h"

namespace milepost::edge::http {
namespace {

// What clients that wait and try again are told to wait, in seconds.
constexpr absl::string_view kRetryAfter = "2";

unsigned HttpStatus(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnimplemented:
      return 501;
    // A service that does not answer in time, or whose call was cut off, is away as well.
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

absl::string_view ReasonPhrase(unsigned status) {
  switch (status) {
    case 200: return "OK";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
  }
}

Response Problem(unsigned status, absl::string_view title, absl::string_view detail) {
  Response response;
  response.status = status;
  response.headers = {{"Content-Type", "application/problem+json"}, {"Cache-Control", "no-store"}};
  if (status == 429 || status == 503) response.headers.emplace_back("Retry-After", std::string(kRetryAfter));
  response.body = absl::StrCat("{\"type\":\"about:blank\",\"title\":", sse::JsonQuote(title), ",\"status\":", status,
                               ",\"detail\":", sse::JsonQuote(detail), "}");
  return response;
}

Response Problem(const absl::Status& status) {
  const unsigned http = HttpStatus(status.code());
  return Problem(http, ReasonPhrase(http), status.message());
}

Response UnsupportedMediaType(absl::string_view content_type) {
  return Problem(415, ReasonPhrase(415),
                 absl::StrCat("Content-Type: ", content_type.empty() ? "none" : contract::Quoted(content_type),
                              ": send application/json or application/x-ndjson, in UTF-8"));
}

Response Json(std::string body) {
  return {200, {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}}, std::move(body)};
}

Response Shed(bool event_stream, unsigned retry_ms) {
  if (!event_stream) {
    return Problem(503, ReasonPhrase(503), "too many connections are open: try again later, or use another edge");
  }
  return {200,
          {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}},
          absl::StrCat("retry: ", retry_ms,
                       "\n\nevent: goodbye\ndata: {\"type\":\"goodbye\",\"reason\":\"shed\"}\n\n")};
}

}  // namespace milepost::edge::http
