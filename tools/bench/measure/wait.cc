#include "tools/bench/measure/wait.h"

#include <signal.h>
#include <time.h>

#include <algorithm>

#include "tools/bench/measure/process_stats.h"

namespace milepost::bench {
namespace {

volatile sig_atomic_t g_interrupted = 0;

void OnSignal(int) { g_interrupted = 1; }

void NapUntil(int64_t moment) {
  const timespec until{.tv_sec = moment / kSecond, .tv_nsec = moment % kSecond};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

}  // namespace

void CatchInterrupts() {
  struct sigaction action{};
  action.sa_handler = OnSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool Interrupted() { return g_interrupted != 0; }

absl::Status WaitFor(const std::function<bool()>& condition, int64_t deadline) {
  while (!condition()) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    const int64_t now = MonotonicNanos();
    if (now >= deadline) return absl::DeadlineExceededError("waited too long");
    NapUntil(std::min(now + kMillisecond, deadline));
  }
  return absl::OkStatus();
}

absl::Status SleepUntil(int64_t moment) {
  constexpr int64_t kStep = 50 * kMillisecond;
  for (int64_t now = MonotonicNanos(); now < moment; now = MonotonicNanos()) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    NapUntil(std::min(moment, now + kStep));
  }
  return absl::OkStatus();
}

}  // namespace milepost::bench
