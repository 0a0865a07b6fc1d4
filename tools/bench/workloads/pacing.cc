#include "tools/bench/workloads/pacing.h"

#include <sys/prctl.h>

#include <algorithm>
#include <cmath>

#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"

namespace milepost::bench {

uint64_t EventsOf(const Pace& pace) { return static_cast<uint64_t>(std::llround(pace.rate * pace.seconds)); }

absl::StatusOr<uint64_t> PublishPaced(Publisher& publisher, EventSource& source, const Pace& pace) {
  prctl(PR_SET_TIMERSLACK, 1);  // wake on time, not with the next timer within 50 µs
  const uint64_t total = EventsOf(pace);
  const double gap = 1e9 / pace.rate;
  const int64_t start = MonotonicNanos();
  const auto give_up = start + static_cast<int64_t>(pace.seconds * (1 + pace.slack) * 1e9) + pace.tick;
  std::vector<BenchEvent> batch;
  uint64_t done = 0;
  for (int64_t wake = start; done < total; wake += pace.tick) {
    if (absl::Status slept = SleepUntil(wake); !slept.ok()) return slept;
    // Event i is due at start + i·gap.
    const int64_t now = MonotonicNanos();
    const auto due_by_now = static_cast<uint64_t>(static_cast<double>(now - start) / gap) + 1;
    for (const uint64_t due = std::min(due_by_now, total); done < due;) {
      const int64_t sent = MonotonicNanos();
      if (sent > give_up) return done;
      batch.clear();
      while (done < due && batch.size() < pace.max_batch) {
        const int64_t planned = start + static_cast<int64_t>(static_cast<double>(done) * gap);
        const bool late = sent - planned > pace.tick + kMillisecond;
        batch.push_back(source.Next(late ? planned : sent));
        ++done;
      }
      if (absl::Status published = publisher.Publish(batch); !published.ok()) return published;
    }
    wake = std::max(wake, MonotonicNanos() - pace.tick);
  }
  return done;
}

}  // namespace milepost::bench
