#include "tools/bench/workloads/workload.h"

#include "absl/strings/str_cat.h"

namespace milepost::bench {

const std::vector<Workload>& AllWorkloads() {
  static const auto* const workloads = new std::vector<Workload>{
      {"fanout", "5,000 readers of one job, 20 events/s: CPU for each delivered event", RunFanout},
      {"burst", "100 readers of one job, 3,000 events/s: CPU for each delivered event, and latency", RunBurst},
      {"idle-memory", "10,000 silent readers, each of its own job: resident memory for each", RunIdleMemory},
      {"unicast", "2,000 jobs with one reader each, 4,000 events/s published one by one: CPU for each event",
       RunUnicast},
      {"latency", "the same load: time from publish to receipt, p50 and p99", RunLatency},
      {"latency-idle", "time from publish to receipt of the first event after 3 s of silence, p99", RunLatencyIdle},
      {"durable", "publishing acked when on disk, at 8×64, 64×1, 8×1 producers × in flight, beside Redis: events/s", RunDurable},
      {"resume", "reading 100 missed events of one job, at 10 k and at 10 M retained events: time, cold and warm", RunResume},
      {"restart", "10 M retained events, kill -9 under load: seconds to readiness, and to make all views anew", RunRestart},
      {"storm", "10,000 readers reconnect at once with 100 missed events each: seconds until all have all, and memory", RunStorm},
  };
  return *workloads;
}

absl::StatusOr<FilledStore*> StoreOf(Run& run, const SystemKind& kind, uint64_t events) {
  std::unique_ptr<FilledStore>& store = run.stores[absl::StrCat(kind.name, " ", events)];
  if (!store) {
    if (const std::string why = kind.missing(); !why.empty()) return absl::FailedPreconditionError(why);
    auto filled = FilledStore::Make(*kind.milepost, events);
    if (!filled.ok()) return filled.status();
    store = *std::move(filled);
  }
  return store.get();
}

uint64_t LargeStoreOf(const Settings& settings) {
  return settings.retained.value_or(settings.quick ? 2 * FilledStore::kSmallest : 10'000'000);
}

Row TroubleRow(const std::string& workload, const std::string& system, const absl::Status& why) {
  Row row;
  row.workload = workload;
  row.system = system;
  row.trouble = std::string(why.message());
  row.failed = !absl::IsFailedPrecondition(why) && !absl::IsCancelled(why);
  return row;
}

}  // namespace milepost::bench
