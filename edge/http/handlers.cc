#include "edge/http/handlers.h"

#include <memory>
#include <utility>
#include <variant>

#include "edge/http/publish_body.h"
#include "edge/http/stream_connection.h"
#include "edge/sse/stream_frames.h"
#include "edge/sse/stream_request.h"
#include "proto/contract/cursor.h"
#include "proto/contract/resource.h"

namespace milepost::edge::http {
namespace {

// How long a job's stream waits to learn whether the job has ended before it answers as if it had not.
constexpr absl::Duration kEndedCheck = absl::Seconds(2);

Response StreamHead() {
  return {200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}}, "", false};
}

std::string LastEventId(const Request& request) { return request.Header("Last-Event-ID").value_or(""); }

// A stream's answer is chunked, which HTTP/1.0 does not know.
absl::Status CheckStream(const Request& request) {
  if (request.http10) return absl::InvalidArgumentError("version: a stream needs HTTP/1.1");
  return absl::OkStatus();
}

void OpenStream(const HandlerContext& context, sse::StreamRequest request, Responder responder,
                std::string follow_job = "") {
  if (responder.head_only()) {
    responder.Respond(StreamHead());
    return;
  }
  Socket socket = responder.TakeSocket();
  ConnectionSlot slot = responder.TakeSlot();
  StreamConnection::Start(context.streams, std::move(socket), std::move(slot), std::move(request),
                          std::move(follow_job));
}

void HandleEvents(const HandlerContext& context, const Request& request, Responder responder) {
  if (auto status = CheckStream(request); !status.ok()) return responder.Respond(Problem(status));
  auto parsed = sse::ParseStreamQuery(request.query, LastEventId(request));
  if (!parsed.ok()) return responder.Respond(Problem(parsed.status()));
  OpenStream(context, *std::move(parsed), std::move(responder));
}

void HandleWatch(const HandlerContext& context, const Request& request, Responder responder) {
  if (auto status = CheckStream(request); !status.ok()) return responder.Respond(Problem(status));
  auto parsed = sse::ParseWatchBody(request.body);
  if (!parsed.ok()) return responder.Respond(Problem(parsed.status()));
  OpenStream(context, *std::move(parsed), std::move(responder));
}

// True if the newest event of the job ended it for good and the reader has seen it.
bool HasEnded(const feed::Page& newest, const std::string& job, const std::string& cursor_text) {
  const auto cursor = contract::ParseCursor(cursor_text);
  if (!cursor || newest.frames.empty()) return false;
  const feed::Frame& last = *newest.frames.back();
  return last.names().front() == job && last.job_end() == feed::JobEnd::kFinal &&
         cursor->epoch == newest.position.epoch && last.seq() <= cursor->seq && cursor->seq <= newest.position.seq;
}

// A browser that comes back after its job's end is told so by 204, which stops a native EventSource. To know,
// the newest event is read before the header goes out, but never waited for long: a stream must not hang.
struct EndedCheck {
  EndedCheck(sse::StreamRequest request, std::string job, Responder responder)
      : request(std::move(request)), job(std::move(job)), responder(std::move(responder)) {}
  sse::StreamRequest request;
  std::string job;
  Responder responder;
  bool done = false;
};

void HandleJobEvents(const HandlerContext& context, const Request& request, Responder responder) {
  const std::string& job = request.params.at(0);
  if (auto status = CheckStream(request); !status.ok()) return responder.Respond(Problem(status));
  auto parsed = sse::ParseJobStreamQuery(job, request.query, LastEventId(request));
  if (!parsed.ok()) return responder.Respond(Problem(parsed.status()));
  if (!contract::ParseCursor(parsed->cursor) || !context.source.ready()) {
    return OpenStream(context, *std::move(parsed), std::move(responder), job);
  }
  auto check = std::make_shared<EndedCheck>(*std::move(parsed), job, std::move(responder));
  auto proceed = [context, check](bool ended) {
    if (std::exchange(check->done, true)) return;
    if (ended) return check->responder.Respond({204, {{"Cache-Control", "no-store"}}, ""});
    OpenStream(context, std::move(check->request), std::move(check->responder), check->job);
  };
  feed::ReadSpec newest;
  newest.resources = {job};
  newest.last = 1;
  context.source.Read(std::move(newest), [check, proceed](absl::StatusOr<feed::PagePtr> page) {
    proceed(page.ok() && HasEnded(**page, check->job, check->request.cursor));
  });
  context.loop.After(kEndedCheck, [proceed] { proceed(false); });
}

void HandlePublish(const HandlerContext& context, const Request& request, Responder responder) {
  auto parsed = ParsePublishBody(request.Header("Content-Type").value_or(""), request.body);
  if (auto* problem = std::get_if<Response>(&parsed)) return responder.Respond(std::move(*problem));
  auto body = std::make_shared<PublishBody>(std::get<PublishBody>(std::move(parsed)));
  v1::PublishRequest publish;
  for (auto& event : body->events) {
    if (event.ok()) *publish.add_events() = *std::move(event);
  }
  if (auto key = request.Header("Idempotency-Key")) publish.set_idempotency_key(*std::move(key));
  if (publish.events().empty()) return responder.Respond(PublishAnswer(*body, {}));
  auto shared = std::make_shared<Responder>(std::move(responder));
  context.source.Publish(std::move(publish), [body, shared](absl::StatusOr<v1::PublishResponse> answer) {
    shared->Respond(answer.ok() ? PublishAnswer(*body, *answer) : Problem(answer.status()));
  });
}

Response Plain(unsigned status, std::string text) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}}, std::move(text)};
}

}  // namespace

void AddRoutes(Router& router, HandlerContext context) {
  const auto with = [&context](auto handler) {
    return [context, handler](Request request, Responder responder) {
      handler(context, request, std::move(responder));
    };
  };
  router.Add("GET", "/v1/events", with(HandleEvents));
  router.Add("POST", "/v1/events:watch", with(HandleWatch));
  router.Add("GET", "/v1/jobs/{job}/events", with(HandleJobEvents));
  router.Add("GET", "/v1/poll", with(HandlePoll));
  router.Add("POST", "/v1/events", with(HandlePublish));
  router.Add("GET", "/healthz", [](Request, Responder responder) { responder.Respond(Plain(200, "ok\n")); });
  router.Add("GET", "/readyz", [ready = context.ready](Request, Responder responder) {
    if (ready()) return responder.Respond(Plain(200, "ready\n"));
    Response response = Plain(503, "not ready: no connection to the event service\n");
    response.headers.emplace_back("Retry-After", "1");
    responder.Respond(std::move(response));
  });
}

}  // namespace milepost::edge::http
