#include "services/rpc/subscribe.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "milepost/v1/event_service.pb.h"
#include "proto/contract/event_name.h"
#include "services/rpc/random_id.h"
#include "services/rpc/requests.h"
#include "services/rpc/snapshots.h"
#include "services/rpc/wire.h"

namespace milepost::rpc {

SubscribeReactor* SubscribeReactor::Start(const Context* context, grpc::CallbackServerContext* call,
                                          const grpc::ByteBuffer& request) {
  auto reactor = std::shared_ptr<SubscribeReactor>(new SubscribeReactor(context, call));
  reactor->self_ = reactor;
  if (!context->streams->Add(reactor)) {
    reactor->Drain();
  } else if (absl::Status status = reactor->Open(request); !status.ok()) {
    reactor->End(std::move(status));
  } else {
    reactor->Pump();
  }
  return reactor.get();
}

absl::Status SubscribeReactor::Open(const grpc::ByteBuffer& bytes) {
  v1::SubscribeRequest request;
  if (absl::Status status = Parse(bytes, &request); !status.ok()) return status;
  const std::vector<std::string> names(request.resources().begin(), request.resources().end());
  if (absl::Status status = ValidateNames(names, kMaxRequestNames, "resources"); !status.ok()) return status;
  auto types = ParseTypes(request.types());
  if (!types.ok()) return types.status();

  hub::Start start;
  auto subscription = context_->hub->Subscribe(
      RandomId(), names, request.has_cursor() ? &request.cursor() : nullptr,
      {.types = *std::move(types), .latest_progress = request.progress() == v1::SubscribeRequest::LATEST},
      [weak = weak_from_this()] {
        if (const auto reactor = weak.lock()) reactor->Wake();
      },
      &start);
  if (!subscription.ok()) return subscription.status();
  subscription_ = *std::move(subscription);

  v1::SubscribeResponse first;
  first.set_subscription_id(subscription_->id());
  if (start.reset != v1::Reset::REASON_UNSPECIFIED) *first.mutable_reset() = MakeReset(*context_->hub, start.reset);
  if (first.has_reset() || (request.snapshot() && !request.has_cursor())) {
    BeginSnapshots(std::move(first));
  } else {
    first.set_position(context_->hub->CursorAt(start.position));
    first_ = std::move(first);
  }
  return absl::OkStatus();
}

// Snapshots of all that is carried come before any further event, with the rest of `first` in their first message.
void SubscribeReactor::BeginSnapshots(v1::SubscribeResponse first) {
  snapshots_.emplace(*context_->hub, subscription_->Names(), context_->clock());
  subscription_->SkipTo(snapshots_->position());
  first.set_position(context_->hub->CursorAt(snapshots_->position()));
  first_ = std::move(first);
}

// The next message of snapshots: as many as make a message of a bounded size, at least one.
void SubscribeReactor::FillWithSnapshots() {
  v1::SubscribeResponse message = std::exchange(first_, {});
  size_t size = 0;
  while (!snapshots_->done() && size < kMaxResponseBytes) {
    *message.add_snapshots() = snapshots_->Next();
    size += message.snapshots(message.snapshots_size() - 1).ByteSizeLong();
  }
  if (snapshots_->done()) snapshots_.reset();
  write_ = Serialize(message);
}

// The next message, if there is one.
bool SubscribeReactor::FillWrite() {
  if (!snapshots_ && !first_.subscription_id().empty()) {
    write_ = Serialize(std::exchange(first_, {}));
    return true;
  }
  if (!snapshots_) {
    const hub::Batch batch = subscription_->Take(kMaxResponseBytes);
    if (batch.empty()) return false;
    if (!batch.status.ok()) {
      const std::lock_guard lock(mutex_);
      if (!end_) end_ = batch.status;
      return false;
    }
    v1::SubscribeResponse response;
    response.set_position(context_->hub->CursorAt(batch.position));
    for (const hub::Applied& applied : batch.applied) {
      auto* told = response.add_applied();
      told->set_revision(applied.revision);
      told->set_from(applied.from);
    }
    if (!batch.expired) {
      write_ = WithEvents(response, v1::SubscribeResponse::kEventsFieldNumber, batch.events);
      return true;
    }
    *response.mutable_reset() = MakeReset(*context_->hub, v1::Reset::EXPIRED);
    BeginSnapshots(std::move(response));
  }
  FillWithSnapshots();
  return true;
}

// A stream that was written to a moment ago is written to again when its time has come: a burst costs few writes,
// and an event after a quiet time is not held back.
void SubscribeReactor::Wake() {
  Pacer::Clock::time_point due;
  {
    const std::lock_guard lock(mutex_);
    due = next_write_;
  }
  if (Pacer::Clock::now() >= due) return Pump();
  context_->pacer->Schedule(due, [weak = weak_from_this()] {
    if (const auto reactor = weak.lock()) reactor->Pump();
  });
}

void SubscribeReactor::Pump() {
  {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    again_ = true;
    if (busy_) return;
    busy_ = true;
  }
  Work(context_->read_pool == nullptr);
}

// With busy_ set: writes what there is, and looks again as long as wakes come; finishes when the end has come.
void SubscribeReactor::Work(bool may_block) {
  while (true) {
    std::optional<absl::Status> end;
    {
      const std::lock_guard lock(mutex_);
      if (!again_ && !end_) {
        busy_ = false;
        return;
      }
      again_ = false;
      end = end_;
      finished_ = end.has_value();
    }
    if (end) return Finish(ToGrpc(*end));
    if (!may_block && (snapshots_ || subscription_->NeedsDisk())) {
      {
        const std::lock_guard lock(mutex_);
        again_ = true;
      }
      return context_->read_pool->Post([self = shared_from_this()] { self->Work(true); });
    }
    if (!FillWrite()) continue;
    {
      const std::lock_guard lock(mutex_);
      write_started_nanos_ = context_->clock();
      next_write_ = Pacer::Clock::now() + context_->pace;
    }
    return StartWrite(&write_);
  }
}

void SubscribeReactor::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    busy_ = false;
    write_started_nanos_ = 0;
    if (!ok && !end_) end_ = absl::CancelledError("the reader is gone");
  }
  Pump();
}

void SubscribeReactor::OnCancel() { End(absl::CancelledError("the reader is gone")); }

void SubscribeReactor::Drain() {
  End(absl::UnavailableError("the service is stopping: subscribe again from your position"));
}

void SubscribeReactor::End(absl::Status status) {
  {
    const std::lock_guard lock(mutex_);
    if (!end_) end_ = std::move(status);
  }
  Pump();
}

void SubscribeReactor::Tick(int64_t now_nanos) {
  const std::lock_guard lock(mutex_);
  if (write_started_nanos_ == 0 || now_nanos - write_started_nanos_ < kWriteDeadlineNanos) return;
  // Under the lock: the write is under way, so the call is not over. Cancelling runs no reaction on this thread.
  call_->TryCancel();
}

void SubscribeReactor::OnDone() {
  context_->streams->Remove(this);
  if (subscription_ != nullptr) context_->hub->Close(subscription_);
  self_.reset();
}

}  // namespace milepost::rpc
