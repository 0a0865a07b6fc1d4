// The gRPC calls of one upstream that are under way, so that stopping can end them and wait for their end.
#pragma once

#include <condition_variable>
#include <mutex>

#include "absl/container/flat_hash_set.h"
#include "grpcpp/client_context.h"

namespace milepost::edge::upstream {

// Thread-safe by its mutex.
class Calls {
 public:
  // `context` lives until Remove. After CancelAll it is cancelled at once.
  void Add(grpc::ClientContext* context) {
    std::lock_guard lock(mutex_);
    contexts_.insert(context);
    if (cancelled_) context->TryCancel();
  }
  void Remove(grpc::ClientContext* context) {
    std::lock_guard lock(mutex_);
    contexts_.erase(context);
    if (contexts_.empty()) empty_.notify_all();
  }
  // Ends all calls, those that come later too, and returns when none is left. Not on a gRPC thread.
  void CancelAll() {
    std::unique_lock lock(mutex_);
    cancelled_ = true;
    for (grpc::ClientContext* context : contexts_) context->TryCancel();
    empty_.wait(lock, [this] { return contexts_.empty(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable empty_;
  absl::flat_hash_set<grpc::ClientContext*> contexts_;  // guarded by mutex_
  bool cancelled_ = false;                              // guarded by mutex_
};

}  // namespace milepost::edge::upstream
