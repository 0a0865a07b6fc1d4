#include "tools/bench/workloads/delivery.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/bench/client/load_client.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"

namespace milepost::bench {
namespace {

constexpr int64_t kConnectPatience = 60 * kSecond;
constexpr int64_t kGrace = 2 * kSecond;  // after the last event was published
// A server may answer a reader a moment before it counts it in.
constexpr int64_t kSettle = 200 * kMillisecond;
constexpr double kWarmUpSeconds = 0.5;

struct Moment {
  int64_t time = 0;
  int64_t client_cpu = 0;
  std::vector<int64_t> part_cpu;
};

Moment Now(const System& system, const LoadClient& client) {
  Moment moment;
  moment.client_cpu = client.CpuNanos();
  for (const Part& part : system.Parts()) moment.part_cpu.push_back(TreeCpuNanos(part.pid));
  moment.time = MonotonicNanos();
  return moment;
}

// Publishes at the pace and waits for the deliveries. Fewer than were hoped for are no error.
absl::Status PublishAndDrain(Publisher& publisher, EventSource& source, const Pace& pace, uint64_t readers_per_job,
                             const LoadClient& client) {
  const uint64_t before = client.delivered();
  const absl::StatusOr<uint64_t> published = PublishPaced(publisher, source, pace);
  if (!published.ok()) return published.status();
  const uint64_t wanted = before + *published * readers_per_job;
  const absl::Status drained =
      WaitFor([&] { return client.delivered() >= wanted; }, MonotonicNanos() + kGrace);
  return absl::IsCancelled(drained) ? drained : absl::OkStatus();
}

std::vector<Target> Targets(const System& system, const DeliveryShape& shape) {
  std::vector<Target> targets;
  for (uint32_t i = 0; i < shape.jobs * shape.readers_per_job; ++i) {
    targets.push_back(system.ReaderTarget(i % shape.jobs, Opening::kTail));
  }
  return targets;
}

absl::Status CheckOrder(const Tally& tally) {
  if (tally.repeated + tally.malformed + tally.closed == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(tally.repeated, " events repeated or out of order, ", tally.malformed,
                                          " malformed, ", tally.closed, " connections lost"));
}

Sample Difference(const System& system, const Moment& from, const Moment& to) {
  Sample sample;
  const auto wall = static_cast<double>(to.time - from.time);
  double sum = 0;
  const std::vector<Part> parts = system.Parts();
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto cpu = static_cast<double>(to.part_cpu[i] - from.part_cpu[i]);
    sample.parts.emplace_back(parts[i].name, cpu);
    sum += cpu;
  }
  sample.cores = sum / wall;
  sample.client_cores = static_cast<double>(to.client_cpu - from.client_cpu) / wall;
  return sample;
}

}  // namespace

DeliveryShape AdaptShape(DeliveryShape shape, const Settings& settings) {
  if (settings.quick) {
    shape.jobs = std::min(shape.jobs, 50u);
    shape.readers_per_job = std::min(shape.readers_per_job, 50u);
    shape.pace.rate = std::min(shape.pace.rate, 200.0);
    shape.pace.seconds = 0.3;
    shape.pace.slack = 30;  // on a busy machine too, all is to be published
  }
  if (settings.jobs && shape.jobs > 1) shape.jobs = *settings.jobs;
  if (settings.readers) shape.readers_per_job = std::max(*settings.readers / shape.jobs, 1u);
  if (settings.rate) shape.pace.rate = *settings.rate;
  if (settings.seconds) shape.pace.seconds = *settings.seconds;
  return shape;
}

absl::StatusOr<Sample> MeasureDelivery(const SystemKind& kind, const DeliveryShape& shape) {
  const std::unique_ptr<System> system = kind.make();
  if (absl::Status up = system->Start(); !up.ok()) return up;
  LoadClient client;
  if (absl::Status live = client.Connect(Targets(*system, shape), kConnectPatience); !live.ok()) return live;
  auto publisher = system->OpenPublisher();
  if (!publisher.ok()) return publisher.status();
  if (absl::Status settled = SleepUntil(MonotonicNanos() + kSettle); !settled.ok()) return settled;

  EventSource source(shape.jobs);
  Pace warm_up = shape.pace;
  warm_up.seconds = std::min(kWarmUpSeconds, shape.pace.seconds);
  absl::Status run = PublishAndDrain(**publisher, source, warm_up, shape.readers_per_job, client);
  if (!run.ok()) return run;
  client.ForgetLatencies();
  const uint64_t delivered_before = client.delivered();
  const Moment from = Now(*system, client);
  run = PublishAndDrain(**publisher, source, shape.pace, shape.readers_per_job, client);
  if (!run.ok()) return run;
  const Moment to = Now(*system, client);

  const Tally tally = client.Snapshot();
  if (absl::Status order = CheckOrder(tally); !order.ok()) return order;
  Sample sample = Difference(*system, from, to);
  sample.latency = tally.latency;
  sample.delivered = tally.delivered - delivered_before;
  sample.expected = EventsOf(shape.pace) * shape.readers_per_job;
  for (auto& [name, cost] : sample.parts) cost /= 1e3 * static_cast<double>(std::max<uint64_t>(sample.delivered, 1));
  return sample;
}

}  // namespace milepost::bench
