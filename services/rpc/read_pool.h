// ReadPool: threads that may wait for a disk, which gRPC's must not.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace milepost::rpc {

// Runs tasks in the order in which they are posted, on a few threads. What waits is bounded by its callers: a call or
// a subscription posts one task at a time. Thread-safe by one mutex, not held while a task runs.
class ReadPool {
 public:
  explicit ReadPool(int threads);
  // Runs what is still there. Nothing may be posted any more.
  ~ReadPool();
  ReadPool(const ReadPool&) = delete;

  void Post(std::function<void()> task);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable work_;
  // Guarded by mutex_:
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace milepost::rpc
