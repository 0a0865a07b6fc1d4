#include "absl/strings/str_cat.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/workloads/delivery.h"
#include "tools/bench/workloads/workload.h"

namespace milepost::bench {

Report RunFanout(Run& run) {
  const DeliveryShape shape = AdaptShape(
      {.jobs = 1, .readers_per_job = 5000, .pace = {.rate = 20, .seconds = 4, .tick = kMillisecond, .max_batch = 1}},
      run.settings);
  const auto series = RunRounds("fanout", run.settings,
                                [&](const SystemKind& kind) { return MeasureDelivery(kind, shape); });
  Report report;
  report.title = absl::StrCat("fanout: ", shape.readers_per_job, " readers of one job, ", shape.pace.rate,
                              " events/s for ", shape.pace.seconds, " s; CPU for each delivered event");
  report.rows = MakeRows(series, {.workload = "fanout", .unit = "µs/event", .cost_part = "edge"});
  if (const Row* milepost = FindRow(report.rows, "milepost")) {
    const Row* const websocket = FindRow(report.rows, "websocket");
    report.verdicts = {
        {"fanout", "edge ≤ 1.25 × floor", milepost->of_floor, 1.25},
        {"fanout", "edge ≤ 0.7 × nchan", milepost->of_nchan, 0.7},
        {"fanout", "edge's CPU ≤ 1 × websocket", Ratio(milepost->cost, websocket ? websocket->cost : std::nullopt), 1},
        {"fanout", "p99 ≤ 1 × websocket", Ratio(milepost->p99_ms, websocket ? websocket->p99_ms : std::nullopt), 1}};
  }
  return report;
}

}  // namespace milepost::bench
