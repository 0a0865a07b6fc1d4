// One Subscribe call: the stream that brings a loop its events.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "edge/feed/frame_cache.h"
#include "edge/feed/source.h"
#include "edge/upstream/calls.h"
#include "milepost/v1/event_service.grpc.pb.h"

namespace milepost::edge::upstream {

// A message of the trunk, with its events encoded.
struct TrunkMessage {
  std::optional<std::string> subscription_id;
  std::vector<feed::FramePtr> frames;
  std::optional<contract::Cursor> position;
  std::vector<v1::SubscribeResponse::Applied> applied;
  std::optional<v1::Reset> reset;
};

// A callback reactor. Messages are parsed and encoded on gRPC's threads and handled on the loop's. Only a few
// wait for the loop at a time: a busy loop makes the service gather events into larger batches instead of
// piling messages up here. Keeps itself alive until OnDone. Thread-safety: mutex_.
class TrunkStream final : public grpc::ClientReadReactor<v1::SubscribeResponse>,
                          public std::enable_shared_from_this<TrunkStream> {
 public:
  // Both are called on the loop's thread. After `on_done` nothing more is called.
  struct Callbacks {
    absl::AnyInvocable<void(TrunkMessage)> on_message;
    absl::AnyInvocable<void(grpc::Status)> on_done;
  };

  // Starts the call.
  static std::shared_ptr<TrunkStream> Start(v1::EventService::Stub& stub, v1::SubscribeRequest request,
                                            Callbacks callbacks, feed::LoopExecutor& loop, feed::FrameCache& cache,
                                            Calls& calls);

  // Any thread. on_done follows.
  void Cancel();
  // Cancels when the loop no longer runs and so will take no message. Any thread.
  void Abandon();

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  TrunkStream(v1::SubscribeRequest request, Callbacks callbacks, feed::LoopExecutor& loop, feed::FrameCache& cache,
              Calls& calls);
  TrunkMessage Encode();

  // Loop's thread: handles what waits.
  void Deliver();

  std::mutex mutex_;
  std::vector<TrunkMessage> waiting_;  // guarded by mutex_: for the loop, which was told if there is any
  bool reading_ = true;                // guarded by mutex_: a read is under way
  bool abandoned_ = false;             // guarded by mutex_
  bool done_ = false;                  // guarded by mutex_: the context is gone

  std::shared_ptr<TrunkStream> self_;  // until OnDone
  const v1::SubscribeRequest request_;
  v1::SubscribeResponse response_;
  Callbacks callbacks_;
  feed::LoopExecutor& loop_;
  feed::FrameCache& cache_;
  Calls& calls_;
  grpc::ClientContext* const context_;  // of calls_, until OnDone
  std::string epoch_;  // of the newest position
};

}  // namespace milepost::edge::upstream
