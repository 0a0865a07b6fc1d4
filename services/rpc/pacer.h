// Pacer: wakes readers a moment later, so that what comes meanwhile leaves in the same write.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace milepost::rpc {

// One thread that sleeps while nothing is scheduled. Thread-safe by one mutex, not held during a call.
class Pacer {
 public:
  using Clock = std::chrono::steady_clock;

  Pacer();
  // Drops what is still scheduled.
  ~Pacer();
  Pacer(const Pacer&) = delete;

  // Calls `wake` on the pacer's thread at `due`. All callers use about the same delay: order is that of the calls.
  void Schedule(Clock::time_point due, std::function<void()> wake);

 private:
  struct Item {
    Clock::time_point due;
    std::function<void()> wake;
  };

  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::deque<Item> items_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace milepost::rpc
