#include "services/rpc/pacer.h"

#include <sys/prctl.h>

#include <utility>

namespace milepost::rpc {

Pacer::Pacer() : thread_([this] { Run(); }) {}

Pacer::~Pacer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Pacer::Schedule(Clock::time_point due, std::function<void()> wake) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = items_.empty();
    items_.push_back({due, std::move(wake)});
  }
  if (first) changed_.notify_one();  // otherwise the thread sleeps until an earlier one
}

void Pacer::Run() {
  prctl(PR_SET_TIMERSLACK, 1000);  // ns; the usual 50 µs are much beside a delay of 200 µs
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (items_.empty()) {
      changed_.wait(lock);
      continue;
    }
    if (Clock::now() < items_.front().due) {
      changed_.wait_until(lock, items_.front().due);
      continue;
    }
    const std::function<void()> wake = std::move(items_.front().wake);
    items_.pop_front();
    lock.unlock();
    wake();
    lock.lock();
  }
}

}  // namespace milepost::rpc
