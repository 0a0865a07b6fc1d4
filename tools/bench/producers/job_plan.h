// Which events a producer publishes, one after the other.
#pragma once

#include <cstdint>

#include "tools/bench/wire/event_mark.h"

namespace milepost::bench {

// Producer p of `producers` has jobs of its own: p, p + producers, p + 2·producers, … It works on `live` of them at
// a time, one event each in turn, until each has had `events_per_job`; then come the next ones. So a job's events
// lie live·producers records apart, however long the log is. A value.
struct JobPlan {
  uint32_t producers = 1;
  uint32_t live = 1;            // jobs of one producer at a time
  uint64_t events_per_job = 0;  // 0: without end
  uint64_t first_number = 1;    // of a job's events
  bool completes = false;       // a job's last event completes it
  uint32_t first_job = 0;

  // Event `index` (from 0) of a producer.
  BenchEvent EventOf(uint32_t producer, uint64_t index, int64_t published) const {
    const uint64_t generation = events_per_job == 0 ? 0 : index / (live * events_per_job);
    const uint64_t within = events_per_job == 0 ? index : index % (live * events_per_job);
    const uint64_t job = generation * live + within % live;
    const uint64_t nth = within / live;
    return {.job = static_cast<uint32_t>(first_job + job * producers + producer),
            .number = first_number + nth,
            .published = published,
            .ends = completes && nth + 1 == events_per_job};
  }
};

}  // namespace milepost::bench
