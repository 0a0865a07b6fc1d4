#include "edge/http/publish_body.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "edge/http/content_type.h"
#include "edge/sse/json_text.h"
#include "proto/contract/resource.h"

namespace milepost::edge::http {
namespace {

// Top-level members of an event. There are fewer fields; past it there is one that is unknown or repeated.
constexpr size_t kMaxEventMembers = 64;

// At most 64 characters of what may be input; it stands among words of ours, so quotes stay as they are.
std::string Printable(absl::string_view text) {
  constexpr size_t kMaxBytes = 64;
  std::string printable;
  for (char c : text.substr(0, kMaxBytes)) printable += absl::ascii_isprint(c) ? c : '?';
  return text.size() > kMaxBytes ? absl::StrCat(printable, "…") : printable;
}

// "invalid value <input> for type <type>" with the input cut and the type's address taken off.
std::string Reason(absl::string_view reason) {
  constexpr absl::string_view kInvalid = "invalid value ", kFor = " for type ";
  if (!absl::ConsumePrefix(&reason, kInvalid)) return Printable(reason);
  const size_t split = reason.rfind(kFor);
  if (split == absl::string_view::npos) return absl::StrCat(kInvalid, Printable(reason));
  absl::string_view type = reason.substr(split + kFor.size());
  absl::ConsumePrefix(&type, "type.googleapis.com/");
  // Protobuf words these two as if they were values.
  if (absl::StartsWith(reason, "Starting an object")) return absl::StrCat(Printable(type), ": must not be an object");
  if (type == "oneof") return absl::StrCat("only one may be set: ", Printable(reason.substr(0, split)));
  return absl::StrCat(kInvalid, Printable(reason.substr(0, split)), kFor, Printable(type));
}

// Turns "(progress) nope: Cannot find field." and the like into "progress.nope: unknown field". Such messages hold
// input in full, so every part is cut.
std::string FieldError(absl::string_view message) {
  message = message.substr(0, message.find('\n'));  // a drawing of the place follows
  const size_t colon = message.find(": ");
  std::string path(colon == absl::string_view::npos ? "" : message.substr(0, colon));
  const absl::string_view reason = colon == absl::string_view::npos ? message : message.substr(colon + 2);
  if (absl::StartsWith(path, "(")) {
    path = std::string(absl::StripSuffix(path.substr(1), ")"));
    const size_t close = path.find(") ");
    if (close != std::string::npos) path.replace(close, 2, ".");
  }
  return absl::StrCat(Printable(path), path.empty() ? "" : ": ",
                      absl::StartsWith(reason, "Cannot find field")
                          ? "unknown field: check its spelling or leave it out"
                          : Reason(reason));
}

// `json` passed CheckJson.
absl::StatusOr<v1::ProgressEvent> ParseEvent(absl::string_view json) {
  if (sse::TypeOf(json) != sse::JsonType::kObject) return absl::InvalidArgumentError("an event must be a JSON object");
  std::set<std::string> seen;
  for (const auto& [name, value] : sse::ObjectMembers(json, kMaxEventMembers)) {
    if (!seen.insert(name).second) {
      return absl::InvalidArgumentError(absl::StrCat(contract::Quoted(name), ": given more than once: write it once"));
    }
  }
  v1::ProgressEvent event;
  const auto status = google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, &event);
  if (!status.ok()) return absl::InvalidArgumentError(FieldError({status.message().data(), status.message().size()}));
  return event;
}

absl::Status Prefixed(absl::string_view where, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(where, ": ", status.message()));
}

Response BadBody(absl::string_view what) { return Problem(absl::InvalidArgumentError(absl::StrCat("body: ", what))); }

Response TooMany() {
  return Problem(413, ReasonPhrase(413),
                 absl::StrCat("body: more than ", kMaxPublishEvents, " events: send them in several requests"));
}

std::variant<PublishBody, Response> ParseLines(absl::string_view body) {
  PublishBody parsed;
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(body, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    if (parsed.events.size() == kMaxPublishEvents) return TooMany();
    const std::string where = absl::StrCat("line ", number);
    if (absl::Status status = sse::CheckJson(line); !status.ok()) {
      parsed.events.push_back(Prefixed(where, status));
      continue;
    }
    parsed.events.push_back(ParseEvent(line));
    if (!parsed.events.back().ok()) parsed.events.back() = Prefixed(where, parsed.events.back().status());
  }
  if (parsed.events.empty()) return BadBody("it is empty: write one event a line");
  return parsed;
}

std::variant<PublishBody, Response> ParseArray(absl::string_view body) {
  PublishBody parsed;
  const std::vector<absl::string_view> items = sse::ArrayItems(body, kMaxPublishEvents);
  if (items.empty()) return BadBody("it has no event: write at least one");
  if (items.size() > kMaxPublishEvents) return TooMany();
  for (size_t i = 0; i < items.size(); ++i) {
    parsed.events.push_back(ParseEvent(items[i]));
    if (!parsed.events.back().ok()) {
      parsed.events.back() = Prefixed(absl::StrCat("events[", i, "]"), parsed.events.back().status());
    }
  }
  return parsed;
}

std::string ErrorJson(absl::StatusCode code, absl::string_view message) {
  return absl::StrCat("{\"error\":{\"code\":", sse::JsonQuote(absl::StatusCodeToString(code)),
                      ",\"message\":", sse::JsonQuote(message), "}}");
}

std::string ResultJson(const v1::PublishResult& result) {
  if (result.has_error()) {
    return ErrorJson(static_cast<absl::StatusCode>(result.error().code()), result.error().message());
  }
  return absl::StrCat("{\"seq\":\"", result.seq(), "\",\"cursor\":", sse::JsonQuote(result.cursor()), "}");
}

}  // namespace

std::variant<PublishBody, Response> ParsePublishBody(absl::string_view content_type, absl::string_view body) {
  const BodyType type = ParseContentType(content_type);
  if (type == BodyType::kOther) return UnsupportedMediaType(content_type);
  if (type == BodyType::kNdjson) return ParseLines(body);
  if (absl::StripAsciiWhitespace(body).empty()) return BadBody("it is empty: write one event or an array of events");
  if (absl::Status status = sse::CheckJson(body); !status.ok()) return BadBody(status.message());
  switch (sse::TypeOf(body)) {
    case sse::JsonType::kArray:
      return ParseArray(body);
    case sse::JsonType::kObject: {
      absl::StatusOr<v1::ProgressEvent> event = ParseEvent(body);
      if (!event.ok()) return Problem(event.status());
      PublishBody parsed;
      parsed.single = true;
      parsed.events.push_back(std::move(event));
      return parsed;
    }
    default:
      return BadBody("it must be one event or an array of events");
  }
}

Response PublishAnswer(const PublishBody& body, const v1::PublishResponse& results) {
  const auto good = std::count_if(body.events.begin(), body.events.end(), [](const auto& event) { return event.ok(); });
  if (good != results.results_size()) {
    return Problem(absl::InternalError("the event service answered with another number of results than events"));
  }
  if (body.single && results.results(0).has_error()) {
    const v1::PublishError& error = results.results(0).error();
    return Problem(absl::Status(static_cast<absl::StatusCode>(error.code()), error.message()));
  }
  std::string json = "{\"results\":[";
  int next = 0;
  for (size_t i = 0; i < body.events.size(); ++i) {
    const absl::Status& status = body.events[i].status();
    absl::StrAppend(&json, i == 0 ? "" : ",",
                    status.ok() ? ResultJson(results.results(next++)) : ErrorJson(status.code(), status.message()));
  }
  return Json(json + "]}");
}

}  // namespace milepost::edge::http
