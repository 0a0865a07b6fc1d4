#include "absl/strings/str_cat.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/workloads/delivery.h"
#include "tools/bench/workloads/workload.h"

namespace milepost::bench {

// What is due is published together each millisecond: three events, as a busy worker's client would do it.
Report RunBurst(Run& run) {
  const DeliveryShape shape = AdaptShape(
      {.jobs = 1,
       .readers_per_job = 100,
       .pace = {.rate = 3000, .seconds = 3, .tick = kMillisecond, .max_batch = 1000}},
      run.settings);
  const auto series =
      RunRounds("burst", run.settings, [&](const SystemKind& kind) { return MeasureDelivery(kind, shape); });
  Report report;
  report.title = absl::StrCat("burst: ", shape.readers_per_job, " readers of one job, ", shape.pace.rate,
                              " events/s for ", shape.pace.seconds,
                              " s; CPU for each delivered event; × floor is of floor-2ms");
  report.rows =
      MakeRows(series, {.workload = "burst", .unit = "µs/event", .cost_part = "edge", .floor = "floor-2ms"});
  if (const Row* milepost = FindRow(report.rows, "milepost")) {
    const Row* const websocket = FindRow(report.rows, "websocket");
    const double missing = static_cast<double>(milepost->expected) - static_cast<double>(milepost->delivered);
    report.verdicts = {
        {"burst", "events not delivered", missing, 0},
        {"burst", "p99 ≤ 6 ms", milepost->p99_ms, 6},
        {"burst", "edge ≤ 1.5 µs an event", milepost->cost, 1.5},
        {"burst", "edge ≤ 1.75 × floor-2ms", milepost->of_floor, 1.75},
        {"burst", "edge's CPU ≤ 1 × websocket", Ratio(milepost->cost, websocket ? websocket->cost : std::nullopt), 1},
        {"burst", "p99 ≤ 1 × websocket", Ratio(milepost->p99_ms, websocket ? websocket->p99_ms : std::nullopt), 1}};
  }
  return report;
}

}  // namespace milepost::bench
