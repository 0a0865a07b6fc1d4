// Pacer: holds writes back for a moment, so that what comes meanwhile leaves in the same one.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace milepost::rpc {

// A held-back write runs when it is due and something else happens, on that thread: under load that is the next event's,
// and nobody is woken for it. A thread of the pacer's own runs what nobody took along; it looks every kTick while
// anything is held back, and sleeps otherwise. Thread-safe by one mutex, not held during a call.
class Pacer {
 public:
  using Clock = std::chrono::steady_clock;

  // How long after its time a write is left to the next event.
  static constexpr std::chrono::microseconds kGrace{200};
  static constexpr std::chrono::microseconds kTick{1000};

  Pacer();
  // Drops what is still held back.
  ~Pacer();
  Pacer(const Pacer&) = delete;

  // Calls `write` on some thread after `due`, at most kGrace + kTick later but for the machine.
  void Schedule(Clock::time_point due, std::function<void()> write);

  // Runs what is due, on this thread. Cheap when nothing is.
  void RunDue() { RunDue(Clock::now()); }

 private:
  void RunDue(Clock::time_point now);
  void Run();
  bool TakeDue(Clock::time_point now, std::function<void()>* write);

  std::atomic<bool> holds_ = false;  // if anything is held back
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::multimap<Clock::time_point, std::function<void()>> held_;  // by when it is due
  bool asleep_ = false;  // the thread waits to be told
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace milepost::rpc
