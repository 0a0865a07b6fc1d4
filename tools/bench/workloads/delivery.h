// The common part of the workloads that publish at a rate and count what arrives.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "tools/bench/systems/system.h"
#include "tools/bench/workloads/pacing.h"
#include "tools/bench/workloads/rounds.h"

namespace milepost::bench {

struct DeliveryShape {
  uint32_t jobs = 1;
  uint32_t readers_per_job = 1;
  Pace pace;
};

// Lets the settings and --quick change a shape. Readers are always a multiple of the jobs.
DeliveryShape AdaptShape(DeliveryShape shape, const Settings& settings);

// Starts the system, connects all readers, publishes for a short while to warm up, and then measures: CPU,
// counts and latencies from the first event of the window until the last one was delivered (or 2 s after the
// window's end). Costs are microseconds of CPU for each event: for each delivered one, which with one reader
// a job is for each published one.
absl::StatusOr<Sample> MeasureDelivery(const SystemKind& kind, const DeliveryShape& shape);

}  // namespace milepost::bench
