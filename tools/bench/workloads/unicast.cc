// `unicast` and `latency` look at one and the same load from two sides; it runs once.
#include "absl/strings/str_cat.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/workloads/delivery.h"
#include "tools/bench/workloads/workload.h"

namespace milepost::bench {
namespace {

DeliveryShape Shape(const Settings& settings) {
  return AdaptShape({.jobs = 2000,
                     .readers_per_job = 1,
                     .pace = {.rate = 4000, .seconds = 4, .tick = kMillisecond / 4, .max_batch = 1}},
                    settings);
}

const std::vector<Series>& SharedSeries(Run& run) {
  std::vector<Series>& series = run.series["unicast"];
  if (series.empty()) {
    const DeliveryShape shape = Shape(run.settings);
    series = RunRounds("unicast", run.settings,
                       [&](const SystemKind& kind) { return MeasureDelivery(kind, shape); });
  }
  return series;
}

std::string Title(const Settings& settings) {
  const DeliveryShape shape = Shape(settings);
  return absl::StrCat(shape.jobs, " jobs with ", shape.readers_per_job, " reader each, ", shape.pace.rate,
                      " events/s published one by one for ", shape.pace.seconds, " s");
}

}  // namespace

Report RunUnicast(Run& run) {
  Report report;
  report.title = absl::StrCat("unicast: ", Title(run.settings), "; CPU for each event, all parts");
  report.rows = MakeRows(SharedSeries(run), {.workload = "unicast", .unit = "µs/event", .latency = false});
  if (const Row* milepost = FindRow(report.rows, "milepost")) {
    report.verdicts = {{"unicast", "eventd + edge ≤ 30 µs an event", milepost->cost, 30}};
  }
  return report;
}

Report RunLatency(Run& run) {
  Report report;
  report.title = absl::StrCat("latency: ", Title(run.settings), "; publish to receipt");
  report.rows = MakeRows(SharedSeries(run), {.workload = "latency"});
  if (const Row* milepost = FindRow(report.rows, "milepost")) {
    report.verdicts = {{"latency", "p50 ≤ 0.3 ms", milepost->p50_ms, 0.3},
                       {"latency", "p99 ≤ 2 ms", milepost->p99_ms, 2}};
  }
  return report;
}

}  // namespace milepost::bench
