#include "edge/upstream/trunk_stream.h"

#include <utility>

#include "proto/contract/cursor.h"

namespace milepost::edge::upstream {

std::shared_ptr<TrunkStream> TrunkStream::Start(v1::EventService::Stub& stub, v1::SubscribeRequest request,
                                                Callbacks callbacks, feed::LoopExecutor& loop,
                                                feed::FrameCache& cache, Calls& calls) {
  std::shared_ptr<TrunkStream> stream(
      new TrunkStream(std::move(request), std::move(callbacks), loop, cache, calls));
  stream->self_ = stream;
  calls.Add(&stream->context_);
  stub.async()->Subscribe(&stream->context_, &stream->request_, stream.get());
  // Reads are started from the loop too, outside gRPC's reactions: the hold keeps the call until the last one.
  stream->AddHold();
  stream->StartRead(&stream->response_);
  stream->StartCall();
  return stream;
}

TrunkStream::TrunkStream(v1::SubscribeRequest request, Callbacks callbacks, feed::LoopExecutor& loop,
                         feed::FrameCache& cache, Calls& calls)
    : request_(std::move(request)),
      callbacks_(std::make_shared<Callbacks>(std::move(callbacks))),
      loop_(loop),
      cache_(cache),
      calls_(calls) {}

void TrunkStream::ReadNext() {
  {
    std::lock_guard lock(mutex_);
    reading_ = true;
  }
  StartRead(&response_);
}

void TrunkStream::Abandon() {
  context_.TryCancel();
  std::lock_guard lock(mutex_);
  // Under way, the read will fail and let go of the hold itself.
  if (!std::exchange(abandoned_, true) && !reading_) RemoveHold();
}

void TrunkStream::OnReadDone(bool ok) {
  bool last;
  {
    std::lock_guard lock(mutex_);
    last = !ok || abandoned_;
    reading_ = last;  // after the last one the hold is ours to remove, not Abandon's
  }
  if (last) {
    RemoveHold();
    return;
  }
  loop_.Post([callbacks = callbacks_, message = Encode()]() mutable { callbacks->on_message(std::move(message)); });
}

void TrunkStream::OnDone(const grpc::Status& status) {
  loop_.Post([callbacks = callbacks_, status] { callbacks->on_done(status); });
  const std::shared_ptr<TrunkStream> last = std::move(self_);
  calls_.Remove(&context_);
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
