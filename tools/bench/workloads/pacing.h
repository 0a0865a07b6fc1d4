// Publishing at a steady rate.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/bench/systems/system.h"

namespace milepost::bench {

// Hands out events to the jobs in turn and numbers them. Not thread-safe.
class EventSource {
 public:
  explicit EventSource(uint32_t jobs) : jobs_(jobs) {}
  BenchEvent Next(int64_t published) {
    const BenchEvent event{static_cast<uint32_t>(given_ % jobs_), given_ / jobs_ + 1, published};
    ++given_;
    return event;
  }

 private:
  const uint32_t jobs_;
  uint64_t given_ = 0;
};

struct Pace {
  double rate = 0;        // events a second
  double seconds = 0;
  int64_t tick = 0;       // what is due is looked at so often, in nanoseconds
  size_t max_batch = 1;   // events that are published together, if so many are due
  double slack = 0.1;     // how much longer publishing may take than it should, as a share of `seconds`
};

// How many events that makes.
uint64_t EventsOf(const Pace& pace);

// Publishes EventsOf(pace) events, as evenly as the tick allows, and returns how many went out: fewer if the
// system holds the publisher back for longer than the slack. An event that goes out late by more
// than a tick and a millisecond counts as published when it was due, so that a system's backpressure shows in
// its latency.
absl::StatusOr<uint64_t> PublishPaced(Publisher& publisher, EventSource& source, const Pace& pace);

}  // namespace milepost::bench
