#include "tools/bench/workloads/filled_store.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/bench/producers/http2_wire.h"
#include "tools/bench/producers/producer_load.h"
#include "tools/bench/workloads/rounds.h"

namespace milepost::bench {
namespace {

constexpr uint32_t kProducers = 4;
constexpr uint32_t kInFlight = 1000;

}  // namespace

absl::StatusOr<std::unique_ptr<FilledStore>> FilledStore::Make(const MilepostOptions& options, uint64_t events) {
  auto kept = MakeKeptMilepost(options);
  if (!kept.ok()) return kept.status();
  if (!kept->store) return absl::FailedPreconditionError("needs a log that outlives its process: --kept_log=rocksdb");
  auto store = std::unique_ptr<FilledStore>(new FilledStore(*std::move(kept)));
  if (absl::Status filled = store->Fill(events); !filled.ok()) return filled;
  store->processes().StopEventd();
  return store;
}

absl::Status FilledStore::Fill(uint64_t events) {
  if (const auto up = processes().StartEventd(); !up.ok()) return up.status();
  std::vector<std::unique_ptr<ProducerWire>> wires;
  for (uint32_t i = 0; i < kProducers; ++i) {
    wires.push_back(std::make_unique<Http2Wire>(Http2Wire::Options{.producer_id = NewProducerId()}));
  }
  const JobPlan plan{
      .producers = kProducers, .live = kLiveJobs / kProducers, .events_per_job = 1 + kMissed, .completes = true};
  ProducerLoad load(plan, std::move(wires));
  if (absl::Status connected = load.Connect(processes().eventd_address()); !connected.ok()) return connected;
  const uint64_t generations = std::max<uint64_t>(events / kSmallest, 1);
  const uint64_t total = generations * kSmallest;
  const auto show = [&](const ProducerTally& tally) {
    ShowProgress(absl::StrFormat("filling a store: %d of %d events (%.0f %%), %.0f events/s", tally.acked, total,
                                 100.0 * static_cast<double>(tally.acked) / static_cast<double>(total),
                                 static_cast<double>(tally.acked) * 1e9 / static_cast<double>(tally.nanos)));
  };
  const auto tally = load.Run({.in_flight = kInFlight, .events_each = total / kProducers, .progress = show});
  if (!tally.ok()) return tally.status();
  events_ = tally->acked;
  jobs_ = static_cast<uint32_t>(generations * kLiveJobs);
  fill_rate_ = static_cast<double>(tally->acked) * 1e9 / static_cast<double>(tally->nanos);
  return absl::OkStatus();
}

std::string ShortCount(uint64_t count) {
  const auto value = static_cast<double>(count);
  if (count >= 999'500) return absl::StrCat(std::round(value / 1e5) / 10, " M");
  if (count >= 1000) return absl::StrCat(std::round(value / 100) / 10, " k");
  return absl::StrCat(count);
}

}  // namespace milepost::bench
