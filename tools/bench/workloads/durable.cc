#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/producers/producer_load.h"
#include "tools/bench/workloads/workload.h"

namespace milepost::bench {
namespace {

constexpr size_t kEventBytes = 200;
constexpr uint32_t kJobsOfAProducer = 10;

struct DurableShape {
  std::string name;
  uint32_t producers = 8;
  uint32_t in_flight = 1;
  double rate = 0;     // 0: as fast as acks come
  double seconds = 3;
  double warm_up = 0.5;
  double least = 0;  // × Redis; 0: no claim
};

std::vector<DurableShape> Shapes(const Settings& settings) {
  std::vector<DurableShape> shapes{{.name = "durable 8×64", .producers = 8, .in_flight = 64, .least = 0.5},
                                   {.name = "durable 64×1", .producers = 64, .in_flight = 1, .least = 0.8},
                                   {.name = "durable 8×1", .producers = 8, .in_flight = 1, .least = 0.8},
                                   {.name = "durable 1000/s", .producers = 8, .in_flight = 0, .rate = 1000}};
  for (DurableShape& shape : shapes) {
    if (settings.quick) {
      shape.seconds = 0.2;
      shape.warm_up = 0.05;
    }
    if (settings.seconds) shape.seconds = *settings.seconds;
    if (settings.rate && shape.rate > 0) shape.rate = *settings.rate;
  }
  return shapes;
}

std::vector<int64_t> PartCpu(const AckedLog& log) {
  std::vector<int64_t> cpu;
  for (const Part& part : log.Parts()) cpu.push_back(TreeCpuNanos(part.pid));
  return cpu;
}

absl::StatusOr<Sample> MeasureDurable(const SystemKind& kind, const DurableShape& shape) {
  const std::unique_ptr<AckedLog> log = kind.make_log();
  if (absl::Status up = log->Start(); !up.ok()) return up;
  std::vector<std::unique_ptr<ProducerWire>> wires;
  for (uint32_t i = 0; i < shape.producers; ++i) wires.push_back(log->NewProducer(kEventBytes));
  ProducerLoad load({.producers = shape.producers, .live = kJobsOfAProducer}, std::move(wires));
  if (absl::Status connected = load.Connect(log->address()); !connected.ok()) return connected;
  ProducerPace pace{.in_flight = shape.in_flight, .rate = shape.rate, .seconds = shape.warm_up};
  if (const auto warm = load.Run(pace); !warm.ok()) return warm.status();

  pace.seconds = shape.seconds;
  const std::vector<int64_t> before = PartCpu(*log);
  const absl::StatusOr<ProducerTally> tally = load.Run(pace);
  if (!tally.ok()) return tally.status();
  const std::vector<int64_t> after = PartCpu(*log);

  const auto wall = static_cast<double>(std::max<int64_t>(tally->nanos, 1));
  Sample sample;
  sample.delivered = tally->acked;
  sample.expected = tally->sent;
  sample.latency = tally->latency;
  sample.parts = {{"acked", static_cast<double>(tally->acked) * 1e9 / wall}};
  double cpu = 0;
  for (size_t i = 0; i < before.size(); ++i) cpu += static_cast<double>(after[i] - before[i]);
  sample.cores = cpu / wall;
  sample.client_cores = static_cast<double>(tally->cpu_nanos) / wall;
  return sample;
}

void AddVerdicts(const DurableShape& shape, const std::vector<Row>& rows, Report& report) {
  const Row* const milepost = FindRow(rows, "milepost");
  if (milepost == nullptr) return;
  if (shape.rate > 0) report.verdicts.push_back({shape.name, "ack p99 ≤ 10 ms", milepost->p99_ms, 10});
  if (shape.least > 0) {
    report.verdicts.push_back({shape.name, absl::StrCat("events/s ≥ ", shape.least, " × redis"), milepost->of_redis,
                               shape.least, Verdict::Better::kMore});
  }
}

}  // namespace

Report RunDurable(Run& run) {
  const Settings settings = OnlySystems(run.settings, {"milepost", "redis"});
  Report report;
  report.title = absl::StrCat("durable: producers × events in flight, acked when on disk (Milepost's log: ",
                              run.settings.kept_log, "), events of ", kEventBytes, " bytes; delivered are acks; p50, p99: send to ack");
  for (const DurableShape& shape : Shapes(settings)) {
    const auto series = RunRounds(shape.name, settings, [&](const SystemKind& kind) { return MeasureDurable(kind, shape); });
    const std::vector<Row> rows = MakeRows(series, {.workload = shape.name, .unit = "events/s"});
    AddVerdicts(shape, rows, report);
    report.rows.insert(report.rows.end(), rows.begin(), rows.end());
  }
  return report;
}

}  // namespace milepost::bench
