#include "absl/strings/str_cat.h"
#include "tools/bench/client/load_client.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/workloads/workload.h"

namespace milepost::bench {
namespace {

constexpr int64_t kConnectPatience = 30 * kSecond;
constexpr int64_t kGrace = 2 * kSecond;

// Silence is of a process, so a sample takes its whole length; several instances side by side, each woken in
// its own slot of the period, make it bearable.
struct Shape {
  uint32_t instances = 20;
  uint32_t samples = 2;  // of each instance in a round
  double silence = 3;    // seconds
};

struct Instance {
  std::unique_ptr<System> system;
  std::unique_ptr<Publisher> publisher;
};

absl::Status StartInstances(const SystemKind& kind, uint32_t count, LoadClient& client,
                            std::vector<Instance>& instances) {
  std::vector<Target> targets;
  for (uint32_t i = 0; i < count; ++i) {
    Instance instance{kind.make(), nullptr};
    if (absl::Status up = instance.system->Start(); !up.ok()) return up;
    auto publisher = instance.system->OpenPublisher();
    if (!publisher.ok()) return publisher.status();
    instance.publisher = *std::move(publisher);
    targets.push_back(instance.system->ReaderTarget(i, Opening::kTail));
    instances.push_back(std::move(instance));
  }
  return client.Connect(targets, kConnectPatience);
}

absl::StatusOr<Sample> MeasureIdleLatency(const SystemKind& kind, const Shape& shape) {
  std::vector<Instance> instances;
  LoadClient client;  // goes before them: an edge with readers takes its time to say goodbye to each
  if (absl::Status up = StartInstances(kind, shape.instances, client, instances); !up.ok()) return up;
  const auto slot = static_cast<int64_t>(shape.silence * 1e9 / shape.instances);
  int64_t next = MonotonicNanos() + static_cast<int64_t>(shape.silence * 1e9);
  for (uint32_t sample = 1; sample <= shape.samples; ++sample) {
    for (uint32_t i = 0; i < shape.instances; ++i, next += slot) {
      if (absl::Status slept = SleepUntil(next); !slept.ok()) return slept;
      const BenchEvent event{i, sample, MonotonicNanos()};
      absl::Status published = instances[i].publisher->Publish({&event, 1});
      if (!published.ok()) return published;
    }
  }
  Sample result;
  result.expected = uint64_t{shape.instances} * shape.samples;
  const absl::Status all =
      WaitFor([&] { return client.delivered() >= result.expected; }, MonotonicNanos() + kGrace);
  if (absl::IsCancelled(all)) return all;
  const Tally tally = client.Snapshot();
  result.delivered = tally.delivered;
  result.latency = tally.latency;
  return result;
}

}  // namespace

Report RunLatencyIdle(Run& run) {
  const Shape shape = run.settings.quick ? Shape{.instances = 3, .samples = 1, .silence = 0.5} : Shape{};
  const auto series = RunRounds("latency-idle", run.settings,
                                [&](const SystemKind& kind) { return MeasureIdleLatency(kind, shape); });
  Report report;
  report.title = absl::StrCat("latency-idle: ", shape.instances, " instances, ", shape.samples,
                              " events each a round, each after ", shape.silence, " s of silence; all rounds pooled");
  report.rows = MakeRows(series, {.workload = "latency-idle", .pool = true});
  if (const Row* milepost = FindRow(report.rows, "milepost")) {
    report.verdicts = {{"latency-idle", "p99 ≤ 5 ms", milepost->p99_ms, 5}};
  }
  return report;
}

}  // namespace milepost::bench
