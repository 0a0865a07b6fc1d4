#include "edge/upstream/trunk_stream.h"

#include <utility>

#include "proto/contract/cursor.h"

namespace milepost::edge::upstream {
namespace {

// So many messages may wait for the loop before reading pauses.
constexpr size_t kMaxWaiting = 8;

}  // namespace

std::shared_ptr<TrunkStream> TrunkStream::Start(v1::EventService::Stub& stub, v1::SubscribeRequest request,
                                                Callbacks callbacks, feed::LoopExecutor& loop,
                                                feed::FrameCache& cache, Calls& calls) {
  std::shared_ptr<TrunkStream> stream(
      new TrunkStream(std::move(request), std::move(callbacks), loop, cache, calls));
  stream->self_ = stream;
  stub.async()->Subscribe(stream->context_, &stream->request_, stream.get());
  // Reads are started from the loop too, outside gRPC's reactions: the hold keeps the call until the last one.
  stream->AddHold();
  stream->StartRead(&stream->response_);
  stream->StartCall();
  return stream;
}

TrunkStream::TrunkStream(v1::SubscribeRequest request, Callbacks callbacks, feed::LoopExecutor& loop,
                         feed::FrameCache& cache, Calls& calls)
    : request_(std::move(request)),
      callbacks_(std::move(callbacks)),
      loop_(loop),
      cache_(cache),
      calls_(calls),
      context_(calls.Begin()) {
  // A service that is away is waited for by the channel alone: two backoffs in turn would add up.
  context_->set_wait_for_ready(true);
}

void TrunkStream::Cancel() {
  std::lock_guard lock(mutex_);
  if (!done_) context_->TryCancel();
}

void TrunkStream::Abandon() {
  Cancel();
  std::lock_guard lock(mutex_);
  // A read under way will fail and let go of the hold itself.
  if (!std::exchange(abandoned_, true) && !reading_) RemoveHold();
}

void TrunkStream::OnReadDone(bool ok) {
  if (!ok) return RemoveHold();
  TrunkMessage message = Encode();
  bool wake, read;
  {
    std::lock_guard lock(mutex_);
    wake = waiting_.empty();
    waiting_.push_back(std::move(message));
    read = reading_ = abandoned_ || waiting_.size() < kMaxWaiting;
  }
  // Reading on from here costs gRPC less than being asked to by the loop's thread.
  if (wake) loop_.Post([self = shared_from_this()] { self->Deliver(); });
  if (read) StartRead(&response_);
}

void TrunkStream::Deliver() {
  std::vector<TrunkMessage> messages;
  bool read;
  {
    std::lock_guard lock(mutex_);
    messages.swap(waiting_);
    read = !reading_ && !abandoned_;
    reading_ |= read;
  }
  if (read) StartRead(&response_);
  for (TrunkMessage& message : messages) callbacks_.on_message(std::move(message));
}

void TrunkStream::OnDone(const grpc::Status& status) {
  loop_.Post([self = shared_from_this(), status] { self->callbacks_.on_done(status); });
  const std::shared_ptr<TrunkStream> last = std::move(self_);
  {
    std::lock_guard lock(mutex_);
    done_ = true;
  }
  calls_.End(context_);
}

TrunkMessage TrunkStream::Encode() {
  TrunkMessage message;
  if (response_.has_subscription_id()) message.subscription_id = response_.subscription_id();
  if (response_.has_position()) message.position = contract::ParseCursor(response_.position());
  if (message.position) epoch_ = message.position->epoch;
  message.frames.reserve(response_.events_size());
  for (const v1::ProgressEvent& event : response_.events()) message.frames.push_back(cache_.Get(event, epoch_));
  message.applied.assign(response_.applied().begin(), response_.applied().end());
  if (response_.has_reset()) message.reset = response_.reset();
  return message;
}

}  // namespace milepost::edge::upstream
