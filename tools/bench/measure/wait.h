// Waiting that ends: by a condition, a deadline, or the user's interrupt.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/status.h"

namespace milepost::bench {

inline constexpr int64_t kMillisecond = 1'000'000;
inline constexpr int64_t kSecond = 1'000'000'000;

// Makes SIGINT and SIGTERM set the flag that Interrupted() reads, so that the program ends by its own way and
// stops its children. A second signal ends it at once.
void CatchInterrupts();
// True once the user asked to stop. Safe from any thread.
bool Interrupted();

// Looks at `condition` every millisecond. OK when it holds; DEADLINE_EXCEEDED when `deadline`
// (MonotonicNanos) has passed, CANCELLED when interrupted.
absl::Status WaitFor(const std::function<bool()>& condition, int64_t deadline);

// Sleeps until `moment` (MonotonicNanos). CANCELLED when interrupted, at most 50 ms late.
absl::Status SleepUntil(int64_t moment);

}  // namespace milepost::bench
