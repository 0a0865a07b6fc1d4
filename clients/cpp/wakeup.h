// Wakes one thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace milepost::client {

// A wake-up that comes while nobody waits is kept. Thread-safe by its mutex; one thread waits.
class Wakeup {
 public:
  void Wake() {
    {
      std::lock_guard lock(mutex_);
      awake_ = true;
    }
    changed_.notify_one();
  }

  void Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return std::exchange(awake_, false); });
  }

  void WaitFor(std::chrono::nanoseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return std::exchange(awake_, false); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool awake_ = false;
};

}  // namespace milepost::client
