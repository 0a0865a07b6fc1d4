// OnePoller: on a small machine, lets a single thread run gRPC's reactions.
#pragma once

#include <condition_variable>
#include <mutex>

namespace milepost::poller {

// gRPC 1.51 runs the reactions of a process on a pool of at least two threads, which pass the right to wait for
// sockets to one another at every event. On two cores that wake-up costs more than what is done with the event, and
// nothing can be set to avoid it. So all threads but one are kept waiting here, inside a reaction.
//
// One for a process that runs no other callback server or client that must not share one thread; reactions must not
// block. Does nothing on machines with more than kMaxCores, where one thread might be too few. Thread-safe.
class OnePoller {
 public:
  static constexpr unsigned kMaxCores = 4;

  // Returns when the threads are held.
  OnePoller();
  // Lets them go.
  ~OnePoller();
  OnePoller(const OnePoller&) = delete;

  // Threads that are held.
  int held() const { return wanted_; }

 private:
  void Hold();

  std::mutex mutex_;
  std::condition_variable changed_;
  int wanted_ = 0;  // set by the constructor
  // Guarded by mutex_:
  int inside_ = 0;
  bool released_ = false;
};

}  // namespace milepost::poller
