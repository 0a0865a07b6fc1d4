#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "tools/bench/client/load_client.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/workloads/workload.h"

namespace milepost::bench {
namespace {

constexpr int64_t kConnectPatience = 120 * kSecond;
// Readers that are there before the first look, so that code pages and first pools are not put down to the
// connections.
constexpr uint32_t kWarmUpReaders = 100;
constexpr int64_t kStillFor = 300 * kMillisecond;
constexpr int64_t kStillPatience = 5 * kSecond;

std::vector<int64_t> Memory(const System& system) {
  std::vector<int64_t> bytes;
  for (const Part& part : system.Parts()) bytes.push_back(TreeResidentBytes(part.pid));
  return bytes;
}

// Memory once it has stopped to grow: two looks that agree within a thousandth.
absl::StatusOr<std::vector<int64_t>> SettledMemory(const System& system) {
  std::vector<int64_t> before = Memory(system);
  const int64_t deadline = MonotonicNanos() + kStillPatience;
  while (MonotonicNanos() < deadline) {
    if (absl::Status slept = SleepUntil(MonotonicNanos() + kStillFor); !slept.ok()) return slept;
    const std::vector<int64_t> after = Memory(system);
    const bool still = std::equal(before.begin(), before.end(), after.begin(), [](int64_t a, int64_t b) {
      return std::abs(a - b) <= a / 1000;
    });
    before = after;
    if (still) break;
  }
  return before;
}

absl::Status ConnectJobs(const System& system, uint32_t first, uint32_t count, LoadClient& client) {
  std::vector<Target> targets;
  for (uint32_t i = 0; i < count; ++i) targets.push_back(system.ReaderTarget(first + i, Opening::kSnapshot));
  return client.Connect(targets, kConnectPatience);
}

absl::StatusOr<Sample> MeasureMemory(const SystemKind& kind, uint32_t readers) {
  const std::unique_ptr<System> system = kind.make();
  if (absl::Status up = system->Start(); !up.ok()) return up;
  LoadClient client;
  if (absl::Status live = ConnectJobs(*system, 0, kWarmUpReaders, client); !live.ok()) return live;
  const auto before = SettledMemory(*system);
  if (!before.ok()) return before.status();
  if (absl::Status live = ConnectJobs(*system, kWarmUpReaders, readers, client); !live.ok()) return live;
  const auto after = SettledMemory(*system);
  if (!after.ok()) return after.status();
  Sample sample;
  sample.delivered = client.Snapshot().ready - client.Snapshot().closed;
  sample.expected = kWarmUpReaders + readers;
  const std::vector<Part> parts = system->Parts();
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto grown = static_cast<double>((*after)[i] - (*before)[i]);
    sample.parts.emplace_back(parts[i].name, grown / 1024 / readers);
  }
  return sample;
}

}  // namespace

Report RunIdleMemory(Run& run) {
  const uint32_t readers = run.settings.readers.value_or(run.settings.quick ? 500 : 10'000);
  const auto series = RunRounds("idle-memory", run.settings,
                                [&](const SystemKind& kind) { return MeasureMemory(kind, readers); });
  Report report;
  report.title = absl::StrCat("idle-memory: ", readers,
                              " silent readers, each of its own job; growth of RSS for each; delivered are live streams");
  report.rows =
      MakeRows(series, {.workload = "idle-memory", .unit = "KB/reader", .cost_part = "edge", .latency = false});
  if (const Row* milepost = FindRow(report.rows, "milepost")) {
    report.verdicts = {{"idle-memory", "edge ≤ 3 KB a reader", milepost->parts[0].second, 3},
                       {"idle-memory", "eventd ≤ 1 KB a reader", milepost->parts[1].second, 1}};
  }
  return report;
}

}  // namespace milepost::bench
