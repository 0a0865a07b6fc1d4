// GET /v1/poll: the same events on the same cursor, for clients that cannot hold a stream.
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "edge/http/handlers.h"
#include "edge/sse/stream_frames.h"
#include "edge/sse/stream_request.h"
#include "proto/contract/cursor.h"

namespace milepost::edge::http {
namespace {

std::string PollJson(const feed::Page& page) {
  std::string json = R"({"events":[)";
  for (const feed::FramePtr& frame : page.frames) {
    absl::StrAppend(&json, frame == page.frames.front() ? "" : ",", frame->json());
  }
  absl::StrAppend(&json, R"(],"cursor":")", contract::FormatCursor(page.position), R"(","snapshots":[)");
  for (const feed::SnapshotFrame& snapshot : page.snapshots) {
    absl::StrAppend(&json, &snapshot == &page.snapshots.front() ? "" : ",", *snapshot.json);
  }
  absl::StrAppend(&json, R"(],"reset":)",
                  page.reset ? sse::ResetJson(page.reset->reason(), page.reset->oldest()) : "null", R"(,"more":)",
                  page.more ? "true" : "false", "}");
  return json;
}

// One poll: reads, and if there is nothing waits for its feeds to grow and reads again. Shared by what it
// waits for: the read, the time limit, the client. Loop's thread only.
class Poll final : public feed::Reader, public Waiter, public std::enable_shared_from_this<Poll> {
 public:
  Poll(const HandlerContext& context, sse::PollRequest request, Responder responder)
      : context_(context), request_(std::move(request)), responder_(std::move(responder)) {}

  void Start() {
    Read(0);
    if (request_.wait_s == 0) return;
    context_.loop.After(absl::Seconds(request_.wait_s), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->EndWait();
    });
    responder_.OnClientGone([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->EndWait();
    });
  }

  void OnJoined() override { ReadIfBehind(); }
  void OnEvents() override { ReadIfBehind(); }
  void OnReset(v1::Reset::Reason, const std::string&) override { Read(0); }

  void EndWait() override {
    hurry_ = true;
    if (!done_ && newest_ != nullptr && (!reading_ || context_.streams.draining())) Answer(Json(PollJson(*newest_)));
  }

 private:
  void Read(uint64_t at_least) {
    if (std::exchange(reading_, true)) return;
    feed::ReadSpec spec;
    spec.resources = request_.resources;
    // The service answers with a reset to what is no cursor.
    const bool known = request_.after.empty() || request_.after == contract::kEarliest ||
                       request_.after == contract::kLatest || contract::ParseCursor(request_.after);
    spec.after = known ? request_.after : "malformed";
    spec.snapshot = request_.after.empty();
    spec.types = request_.types;
    spec.at_least = at_least;
    context_.source.Read(std::move(spec), [self = shared_from_this()](absl::StatusOr<feed::PagePtr> page) {
      self->reading_ = false;
      if (!self->done_) self->OnPage(std::move(page));
    });
  }

  void OnPage(absl::StatusOr<feed::PagePtr> page) {
    if (absl::IsResourceExhausted(page.status())) {
      Answer(Problem(absl::InvalidArgumentError(
          "resources: their snapshots are too large for one answer: ask for fewer, or use a stream")));
      return;
    }
    if (!page.ok()) {
      Answer(Problem(page.status()));
      return;
    }
    const bool snapshot = request_.after.empty();
    newest_ = *std::move(page);
    request_.after = contract::FormatCursor(newest_->position);
    if (snapshot || !newest_->frames.empty() || newest_->reset || newest_->more || request_.wait_s == 0 || hurry_) {
      Answer(Json(PollJson(*newest_)));
      return;
    }
    if (feeds().empty()) {
      // From here on the poll is woken by its feeds.
      context_.streams.AddWaiter(shared_from_this());
      context_.table.Join(*this, request_.resources);
      context_.source.FeedsChanged();
    }
    if (joined()) ReadIfBehind();
  }

  // There may be something new in the feeds, or between the last read and where the feeds begin.
  void ReadIfBehind() {
    if (!joined() || newest_ == nullptr || reading_ || done_) return;
    const uint64_t position = newest_->position.seq;
    uint64_t at_least = 0;
    bool behind = false;
    for (const feed::Feed* feed : feeds()) {
      behind |= !feed->Serves(position) || feed->HasAfter(position);
      at_least = std::max(at_least, feed->start() - 1);
    }
    if (behind) Read(at_least);
  }

  void Answer(Response response) {
    done_ = true;
    const auto self = shared_from_this();
    context_.table.Leave(*this, context_.streams.now_ms());
    context_.streams.RemoveWaiter(this);
    responder_.Respond(std::move(response));
  }

  const HandlerContext context_;
  sse::PollRequest request_;
  Responder responder_;
  feed::PagePtr newest_;
  bool reading_ = false;
  bool hurry_ = false;  // no longer waits: the next answer will do
  bool done_ = false;
};

}  // namespace

void HandlePoll(const HandlerContext& context, const Request& request, Responder responder) {
  auto parsed = sse::ParsePollQuery(request.query);
  if (!parsed.ok()) return responder.Respond(Problem(parsed.status()));
  std::make_shared<Poll>(context, *std::move(parsed), std::move(responder))->Start();
}

}  // namespace milepost::edge::http
