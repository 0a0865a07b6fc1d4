// The gRPC calls of one upstream that are under way, so that stopping can end them and wait for their end.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

#include "absl/container/flat_hash_map.h"
#include "grpcpp/client_context.h"

namespace milepost::edge::upstream {

// Owns the calls' contexts, because each holds the channel. Whoever lets go of a channel last stops gRPC's callback
// threads and waits for them, so that must never be one of those threads: when CancelAll has returned, no call has
// anything of the channel any more. Thread-safe by its mutex.
class Calls {
 public:
  // The context of a new call, until End. After CancelAll it is cancelled at once.
  grpc::ClientContext* Begin() {
    auto context = std::make_unique<grpc::ClientContext>();
    grpc::ClientContext* const call = context.get();
    std::lock_guard lock(mutex_);
    if (cancelled_) call->TryCancel();
    contexts_.emplace(call, std::move(context));
    return call;
  }
  // To be called once, when gRPC has finished with the call.
  void End(grpc::ClientContext* call) {
    std::lock_guard lock(mutex_);
    contexts_.erase(call);
    if (contexts_.empty()) empty_.notify_all();  // under the lock: the waiter destroys the condition
  }
  // Ends all calls, those that come later too, and returns when none is left. Not on a gRPC thread.
  void CancelAll() {
    std::unique_lock lock(mutex_);
    cancelled_ = true;
    for (const auto& [call, context] : contexts_) call->TryCancel();
    empty_.wait(lock, [this] { return contexts_.empty(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable empty_;
  absl::flat_hash_map<grpc::ClientContext*, std::unique_ptr<grpc::ClientContext>> contexts_;  // guarded by mutex_
  bool cancelled_ = false;                                                                    // guarded by mutex_
};

}  // namespace milepost::edge::upstream
