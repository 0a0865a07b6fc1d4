// KeepAwake: keeps gRPC's callback threads from dozing.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include <grpcpp/channel.h>

namespace milepost::rpc {

// A thread of gRPC 1.51's callback queue that sees nothing for 1 s sleeps 100 ms at a time, and when all of them
// do so, the first event after a quiet time is late. A call every so often from inside the process prevents it.
inline constexpr std::chrono::milliseconds kKeepAwakeInterval{300};

// Ping is called by one thread; the answer comes on gRPC's.
class KeepAwake {
 public:
  // A channel into the process's own server.
  explicit KeepAwake(std::shared_ptr<grpc::Channel> channel);
  // Cancels the ping that is under way and waits for its end.
  ~KeepAwake();
  KeepAwake(const KeepAwake&) = delete;

  // Starts a ping unless one is under way.
  void Ping();

 private:
  struct Call;

  const std::shared_ptr<grpc::Channel> channel_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::unique_ptr<Call> call_;  // guarded by mutex_; null: none is under way
};

}  // namespace milepost::rpc
