#include "edge/http/handlers.h"

#include <memory>
#include <utility>
#include <variant>

#include "edge/http/job_handlers.h"
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

// A stream's answer is chunked, which HTTP/1.0 does not know. No fault of the request's: proxies speak it unless told otherwise,
// and a client may go on by polls.
Response NeedsHttp11() {
  return Problem(505, ReasonPhrase(505),
                 "version: a stream needs HTTP/1.1: let the proxy in between speak it (nginx: proxy_http_version 1.1), or poll");
}

void OpenStream(const HandlerContext& context, sse::StreamRequest request, Responder responder,
                std::string follow_job = "") {
  if (responder.head_only()) {
    responder.Respond(StreamHead());
    return;
  }
  Socket socket = responder.TakeSocket();
  ConnectionSlot slot = responder.TakeSlot();
  StreamConnection::Start(context.streams, std::move(socket), std::move(slot), std::move(request), std::move(follow_job),
                          responder.extra());
}

void HandleEvents(const HandlerContext& context, const Request& request, Responder responder) {
  if (request.http10) return responder.Respond(NeedsHttp11());
  auto parsed = sse::ParseStreamQuery(request.query, LastEventId(request));
  if (!parsed.ok()) return responder.Respond(Problem(parsed.status()));
  OpenStream(context, *std::move(parsed), std::move(responder));
}

void HandleWatch(const HandlerContext& context, const Request& request, Responder responder) {
  if (request.http10) return responder.Respond(NeedsHttp11());
  auto parsed = sse::ParseWatchBody(request.body);
  if (!parsed.ok()) return responder.Respond(Problem(parsed.status()));
  OpenStream(context, *std::move(parsed), std::move(responder));
}

// A browser that comes back after its job's end is told so by 204, which stops a native EventSource. To know, the job's
// state is asked for before the header goes out, but never waited for long: a stream must not hang.
class EndedCheck : public std::enable_shared_from_this<EndedCheck> {
 public:
  EndedCheck(const HandlerContext& context, sse::StreamRequest request, std::string job, Responder responder)
      : context_(context), request_(std::move(request)), job_(std::move(job)), responder_(std::move(responder)) {}

  void Start() {
    context_.loop.After(kEndedCheck, [self = shared_from_this()] { self->Proceed(false); });
    v1::GetJobRequest get;
    get.set_job(job_);
    context_.source.GetJob(std::move(get), [self = shared_from_this()](absl::StatusOr<v1::GetJobResponse> answer) {
      answer.ok() && self->EndIsBehind(answer->job()) ? self->LookForMore() : self->Proceed(false);
    });
  }

 private:
  // True if the job has ended for good and the reader has seen that, if its cursor is of this log.
  bool EndIsBehind(const v1::JobState& state) const {
    const auto cursor = contract::ParseCursor(request_.cursor);
    const auto last = contract::ParseCursor(state.cursor());
    return feed::EndOf(state) == feed::JobEnd::kFinal && cursor && last && last->seq <= cursor->seq;
  }

  // Events of other jobs that carry the name may be still to be delivered; or the cursor is not of this log. One that has
  // expired is: of the job itself there was nothing behind it.
  void LookForMore() {
    feed::ReadSpec rest;
    rest.resources = {job_};
    rest.after = request_.cursor;
    rest.limit = 1;
    context_.source.Read(std::move(rest), [self = shared_from_this()](absl::StatusOr<feed::PagePtr> page) {
      const auto& reset = page.ok() ? (*page)->reset : std::nullopt;
      self->Proceed(page.ok() && (reset ? reset->reason() == v1::Reset::EXPIRED : !(*page)->more && (*page)->frames.empty()));
    });
  }

  void Proceed(bool ended) {
    if (std::exchange(done_, true)) return;
    if (ended) return responder_.Respond({204, {{"Cache-Control", "no-store"}}, ""});
    OpenStream(context_, std::move(request_), std::move(responder_), job_);
  }

  const HandlerContext context_;
  sse::StreamRequest request_;
  const std::string job_;
  Responder responder_;
  bool done_ = false;
};

void HandleJobEvents(const HandlerContext& context, const Request& request, Responder responder) {
  const std::string& job = request.params.at(0);
  if (request.http10) return responder.Respond(NeedsHttp11());
  auto parsed = sse::ParseJobStreamQuery(job, request.query, LastEventId(request));
  if (!parsed.ok()) return responder.Respond(Problem(parsed.status()));
  if (!contract::ParseCursor(parsed->cursor) || !context.source.ready()) {
    return OpenStream(context, *std::move(parsed), std::move(responder), job);
  }
  std::make_shared<EndedCheck>(context, *std::move(parsed), job, std::move(responder))->Start();
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
  AddJobRoutes(router, context.source);
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
