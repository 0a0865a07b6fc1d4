#include "services/rpc/pacer.h"

#include <sys/prctl.h>

#include <utility>

namespace milepost::rpc {
namespace {

// Ticks without anything to hold until the thread sleeps: waking it up costs more than some ticks.
constexpr int kQuietTicks = 10;

}  // namespace

Pacer::Pacer() : thread_([this] { Run(); }) {}

Pacer::~Pacer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Pacer::Schedule(Clock::time_point due, std::function<void()> write) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    held_.emplace(due, std::move(write));
    holds_.store(true, std::memory_order_relaxed);
    wake = std::exchange(asleep_, false);
  }
  if (wake) changed_.notify_one();
}

void Pacer::RunDue(Clock::time_point now) {
  if (!holds_.load(std::memory_order_relaxed)) return;
  std::function<void()> write;
  while (TakeDue(now, &write)) write();
}

bool Pacer::TakeDue(Clock::time_point now, std::function<void()>* write) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || held_.empty() || now < held_.begin()->first) return false;
  *write = std::move(held_.begin()->second);
  held_.erase(held_.begin());
  holds_.store(!held_.empty(), std::memory_order_relaxed);
  return true;
}

void Pacer::Run() {
  prctl(PR_SET_TIMERSLACK, 1000);  // ns; the usual 50 µs are much beside a tick
  std::unique_lock lock(mutex_);
  int quiet = 0;
  while (!stopping_) {
    quiet = held_.empty() ? quiet + 1 : 0;
    if (quiet > kQuietTicks) {
      asleep_ = true;
      changed_.wait(lock, [this] { return !asleep_ || stopping_; });
      quiet = 0;
    }
    changed_.wait_for(lock, kTick, [this] { return stopping_; });
    lock.unlock();
    RunDue(Clock::now() - kGrace);
    lock.lock();
  }
}

}  // namespace milepost::rpc
