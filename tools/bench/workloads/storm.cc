#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/bench/client/load_client.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/producers/http2_wire.h"
#include "tools/bench/producers/producer_load.h"
#include "tools/bench/systems/event_calls.h"
#include "tools/bench/systems/kept_milepost.h"
#include "tools/bench/workloads/workload.h"

namespace milepost::bench {
namespace {

constexpr uint32_t kProducers = 4;
constexpr uint32_t kInFlight = 1000;
constexpr double kMib = 1 << 20;
constexpr int64_t kPatience = 60 * kSecond;
// What pages in flight may take, and what an idle reader may take of edge and eventd (workload idle-memory).
constexpr double kPagesMib = 64;
constexpr double kReaderMib = 4.0 / 1024;

struct StormShape {
  std::string name;
  uint32_t jobs = 0;  // a multiple of kProducers
  uint32_t readers_per_job = 0;
  uint32_t missed = 100;
  double limit = 0;  // seconds
};

std::vector<StormShape> Shapes(const Settings& settings) {
  std::vector<StormShape> shapes{{.name = "storm 100×100", .jobs = 100, .readers_per_job = 100, .limit = 3},
                                 {.name = "storm 10000×1", .jobs = 10'000, .readers_per_job = 1, .limit = 10}};
  if (settings.quick) {
    shapes = {{.name = "storm 20×20", .jobs = 20, .readers_per_job = 20, .limit = 3},
              {.name = "storm 200×1", .jobs = 200, .readers_per_job = 1, .limit = 10}};
  }
  return shapes;
}

// The first event of each job, and then the `missed` ones, the jobs in turn. Returns the cursor after each first one.
absl::StatusOr<std::vector<std::string>> PublishPast(const MilepostProcesses& processes, const StormShape& shape) {
  EventCalls calls(processes.eventd_target());
  std::vector<BenchEvent> first;
  for (uint32_t job = 0; job < shape.jobs; ++job) first.push_back({job, 1, MonotonicNanos()});
  auto cursors = calls.Publish(first);
  if (!cursors.ok()) return cursors;
  std::vector<std::unique_ptr<ProducerWire>> wires;
  for (uint32_t i = 0; i < kProducers; ++i) {
    wires.push_back(std::make_unique<Http2Wire>(Http2Wire::Options{.producer_id = NewProducerId()}));
  }
  ProducerLoad load({.producers = kProducers,
                     .live = shape.jobs / kProducers,
                     .events_per_job = shape.missed,
                     .first_number = 2},
                    std::move(wires));
  if (absl::Status connected = load.Connect(processes.eventd_address()); !connected.ok()) return connected;
  const uint64_t each = uint64_t{shape.jobs} / kProducers * shape.missed;
  const auto published = load.Run({.in_flight = kInFlight, .events_each = each});
  if (!published.ok()) return published.status();
  return cursors;
}

std::vector<Target> Targets(const MilepostProcesses& processes, const StormShape& shape,
                            const std::vector<std::string>& cursors) {
  std::vector<Target> targets;
  for (uint32_t i = 0; i < shape.jobs * shape.readers_per_job; ++i) {
    const uint32_t job = i % shape.jobs;
    targets.push_back({.address = processes.edge_address(),
                       .request = absl::StrCat("GET /v1/events?resources=", JobName(job), "&last_event_id=", cursors[job],
                                               " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"),
                       .sse = {.ready_event = "connected", .ids_rise = true, .had = 1, .finish = 1 + shape.missed}});
  }
  return targets;
}

// All have all, and nothing else came.
absl::Status CheckTally(const Tally& tally, const StormShape& shape) {
  const uint64_t readers = uint64_t{shape.jobs} * shape.readers_per_job;
  if (tally.repeated + tally.skipped + tally.malformed + tally.closed + tally.resets == 0 && tally.finished == readers) {
    return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat(tally.finished, " of ", readers, " readers have all; ", tally.repeated,
                                          " events repeated or out of order, ", tally.skipped, " skipped, ",
                                          tally.malformed, " malformed, ", tally.closed, " connections lost, ",
                                          tally.resets, " resets"));
}

struct Before {
  std::vector<int64_t> memory;
  int64_t cpu = 0;
};

absl::StatusOr<Before> LookBefore(const std::vector<Part>& parts) {
  Before before;
  for (const Part& part : parts) {
    if (absl::Status forgotten = ForgetPeak(part.pid); !forgotten.ok()) return forgotten;
    before.memory.push_back(PeakResidentBytes(part.pid).value_or(0));
    before.cpu += TreeCpuNanos(part.pid);
  }
  return before;
}

absl::StatusOr<Sample> Unleash(const MilepostProcesses& processes, const StormShape& shape,
                               const std::vector<Target>& targets) {
  const std::vector<Part> parts = processes.Parts();
  const absl::StatusOr<Before> before = LookBefore(parts);
  if (!before.ok()) return before.status();
  LoadClient client;
  const int64_t own_cpu = OwnCpuNanos();
  const int64_t start = MonotonicNanos();
  if (absl::Status stormed = client.Storm(targets); !stormed.ok()) return stormed;
  const absl::Status all = WaitFor(
      [&] {
        const Tally tally = client.Snapshot();
        return tally.finished >= targets.size() || tally.closed + tally.malformed + tally.resets > 0;
      },
      start + kPatience);
  if (absl::IsCancelled(all)) return all;
  const Tally tally = client.Snapshot();
  if (absl::Status right = CheckTally(tally, shape); !right.ok()) return right;

  Sample sample;
  sample.delivered = tally.delivered;
  sample.expected = targets.size() * shape.missed;
  sample.latency = tally.finish;
  const auto wall = static_cast<double>(tally.finish.max());
  sample.parts = {{"seconds", wall / 1e9}};
  int64_t cpu = -before->cpu;
  for (size_t i = 0; i < parts.size(); ++i) {
    const int64_t grown = PeakResidentBytes(parts[i].pid).value_or(0) - before->memory[i];
    sample.parts.emplace_back(parts[i].name + " +MiB", static_cast<double>(grown) / kMib);
    cpu += TreeCpuNanos(parts[i].pid);
  }
  sample.cores = static_cast<double>(cpu) / wall;
  sample.client_cores = static_cast<double>(OwnCpuNanos() - own_cpu) / wall;
  return sample;
}

absl::StatusOr<Sample> MeasureStorm(const SystemKind& kind, const StormShape& shape) {
  auto kept = MakeKeptMilepost(*kind.milepost);
  if (!kept.ok()) return kept.status();
  MilepostProcesses& processes = *kept->processes;
  if (const auto up = processes.StartEventd(); !up.ok()) return up.status();
  const auto cursors = PublishPast(processes, shape);
  if (!cursors.ok()) return cursors.status();
  if (absl::Status up = processes.StartEdge(); !up.ok()) return up;
  return Unleash(processes, shape, Targets(processes, shape, *cursors));
}

void AddVerdicts(const StormShape& shape, const std::vector<Row>& rows, Report& report) {
  const Row* const milepost = FindRow(rows, "milepost");
  if (milepost == nullptr) return;
  const double readers = static_cast<double>(shape.jobs) * shape.readers_per_job;
  const double grown = milepost->parts[1].second + milepost->parts[2].second;
  const double limit = kPagesMib + readers * kReaderMib;
  report.verdicts.push_back({shape.name, absl::StrCat("all have all within ", shape.limit, " s"), milepost->cost, shape.limit});
  report.verdicts.push_back({shape.name, absl::StrFormat("edge + eventd grow by ≤ 64 MiB and 4 KB a reader, %.1f MiB", limit), grown, limit});
}

}  // namespace

Report RunStorm(Run& run) {
  const Settings settings = OnlySystems(run.settings, {"milepost", "milepost-auto"});
  Report report;
  report.title = absl::StrCat("storm: jobs × readers that all reconnect at once to a fresh edge, each with ",
                              Shapes(settings)[0].missed, " missed events (log: ", run.settings.kept_log,
                              "); seconds until the last reader has all, growth of peak RSS; p50, p99: of the readers");
  for (const StormShape& shape : Shapes(settings)) {
    const auto series = RunRounds(shape.name, settings, [&](const SystemKind& kind) { return MeasureStorm(kind, shape); });
    const std::vector<Row> rows = MakeRows(series, {.workload = shape.name, .unit = "s", .cost_part = "seconds"});
    AddVerdicts(shape, rows, report);
    report.rows.insert(report.rows.end(), rows.begin(), rows.end());
  }
  return report;
}

}  // namespace milepost::bench
