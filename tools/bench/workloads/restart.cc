#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/producers/http2_wire.h"
#include "tools/bench/producers/producer_load.h"
#include "tools/bench/workloads/filled_store.h"
#include "tools/bench/workloads/workload.h"

namespace milepost::bench {
namespace {

constexpr uint32_t kProducers = 8;
constexpr uint32_t kInFlight = 64;
constexpr size_t kEventBytes = 200;
constexpr uint32_t kJobsOfAProducer = 10;
constexpr int64_t kLoadPatience = 60 * kSecond;
constexpr int64_t kRebuildPatience = 900 * kSecond;
// Before eventd is killed, so many acks were seen: more than the store holds back before it sorts them into files, so
// that the start has as much to do over again as ever.
constexpr uint64_t kAcksBeforeTheKill = 300'000;
constexpr uint64_t kAcksBeforeTheKillIfQuick = 1000;

std::vector<std::unique_ptr<ProducerWire>> Wires(const std::vector<std::string>& ids) {
  std::vector<std::unique_ptr<ProducerWire>> wires;
  for (const std::string& id : ids) {
    wires.push_back(std::make_unique<Http2Wire>(Http2Wire::Options{.producer_id = id, .event_bytes = kEventBytes}));
  }
  return wires;
}

// Publishes as fast as it can and kills eventd while it does. Returns what each producer saw acknowledged.
absl::StatusOr<std::vector<uint64_t>> KillUnderLoad(FilledStore& store, const JobPlan& plan,
                                                    const std::vector<std::string>& ids, uint64_t wanted_acks) {
  ProducerLoad load(plan, Wires(ids));
  if (absl::Status connected = load.Connect(store.processes().eventd_address()); !connected.ok()) return connected;
  std::atomic<bool> ended{false};
  absl::Status end;
  std::thread publishing([&] {
    end = load.Run({.in_flight = kInFlight}).status();
    ended = true;
  });
  const absl::Status loaded =
      WaitFor([&] { return ended || load.acked() >= wanted_acks; }, MonotonicNanos() + kLoadPatience);
  const bool early = ended;
  store.processes().KillEventd();
  publishing.join();
  if (!loaded.ok()) return loaded;
  if (early) return end;
  store.Added(load.acked());
  return load.AckedByProducer();
}

// Whoever asks by saying hello again learns what eventd knows to be acknowledged: no less than what it said.
absl::Status CheckNothingLost(FilledStore& store, const std::vector<std::string>& ids, const std::vector<uint64_t>& acked) {
  ProducerLoad again({}, Wires(ids));
  if (absl::Status connected = again.Connect(store.processes().eventd_address()); !connected.ok()) return connected;
  const std::vector<uint64_t> known = again.AckedByProducer();
  for (size_t i = 0; i < ids.size(); ++i) {
    if (known[i] < acked[i]) {
      return absl::DataLossError(absl::StrCat("after the kill eventd knows ", known[i], " of ", acked[i], " acked events"));
    }
  }
  return absl::OkStatus();
}

struct Restarts {
  std::vector<double> ready;    // seconds
  std::vector<double> rebuild;  // events a second
  std::vector<double> rebuild_seconds;
};

absl::Status MeasureRound(FilledStore& store, int round, bool quick, Restarts& restarts) {
  if (const auto up = store.processes().StartEventd(); !up.ok()) return up.status();
  std::vector<std::string> ids;
  for (uint32_t i = 0; i < kProducers; ++i) ids.push_back(NewProducerId());
  const JobPlan plan{.producers = kProducers,
                     .live = kJobsOfAProducer,
                     .first_job = store.jobs() + static_cast<uint32_t>(round) * kProducers * kJobsOfAProducer};
  const auto acked = KillUnderLoad(store, plan, ids, quick ? kAcksBeforeTheKillIfQuick : kAcksBeforeTheKill);
  if (!acked.ok()) return acked.status();
  const auto ready = store.processes().StartEventd();
  if (!ready.ok()) return ready.status();
  if (absl::Status kept = CheckNothingLost(store, ids, *acked); !kept.ok()) return kept;
  restarts.ready.push_back(static_cast<double>(*ready) / 1e9);

  store.processes().StopEventd();
  const auto rebuilt = store.processes().StartEventd({"--rebuild"}, kRebuildPatience);
  if (!rebuilt.ok()) return rebuilt.status();
  store.processes().StopEventd();
  const double seconds = static_cast<double>(*rebuilt) / 1e9;
  restarts.rebuild_seconds.push_back(seconds);
  restarts.rebuild.push_back(static_cast<double>(store.events()) / seconds);
  return absl::OkStatus();
}

absl::StatusOr<Restarts> MeasureRestarts(Run& run, const SystemKind& kind) {
  const auto store = StoreOf(run, kind, LargeStoreOf(run.settings));
  if (!store.ok()) return store.status();
  Restarts restarts;
  for (int round = 1; round <= run.settings.rounds; ++round) {
    ShowProgress(absl::StrCat("restart: round ", round, " of ", run.settings.rounds, ", ", kind.name));
    const absl::Status measured = MeasureRound(**store, round, run.settings.quick, restarts);
    (*store)->processes().StopEventd();
    if (!measured.ok()) return measured;
  }
  ClearProgress();
  return restarts;
}

Row RowOf(const std::string& workload, const std::string& system, const std::string& unit, const std::vector<double>& values) {
  Row row;
  row.workload = workload;
  row.system = system;
  row.unit = unit;
  row.cost = Median(values);
  row.rounds = values;
  return row;
}

}  // namespace

Report RunRestart(Run& run) {
  Report report;
  report.title = absl::StrCat("restart: ", ShortCount(LargeStoreOf(run.settings)),
                              " retained events, eventd killed under load: time to readiness, and to make all views anew");
  for (const SystemKind& kind : OnlySystems(run.settings, {"milepost"}).systems) {
    const absl::StatusOr<Restarts> restarts = MeasureRestarts(run, kind);
    if (!restarts.ok()) {
      report.rows.push_back(TroubleRow("restart", kind.name, restarts.status()));
      continue;
    }
    report.rows.push_back(RowOf("restart ready", kind.name, "s", restarts->ready));
    Row rebuild = RowOf("restart rebuild", kind.name, "events/s", restarts->rebuild);
    rebuild.parts = {{"events/s", *rebuild.cost}, {"seconds", Median(restarts->rebuild_seconds)}};
    report.rows.push_back(rebuild);
    report.verdicts = {{"restart", "ready ≤ 3 s after kill -9", report.rows[0].cost, 3},
                       {"restart", "rebuild ≥ 300,000 events/s", rebuild.cost, 300'000, Verdict::Better::kMore}};
  }
  return report;
}

}  // namespace milepost::bench
