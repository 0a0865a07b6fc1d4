// The workloads by name. A further one is a function and a line in the table of workload.cc.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/bench/report/report.h"
#include "tools/bench/workloads/filled_store.h"
#include "tools/bench/workloads/rounds.h"

namespace milepost::bench {

// What workloads of one run share: the settings, and series that more than one of them reports.
struct Run {
  Settings settings;
  std::map<std::string, std::vector<Series>> series;
  // Stores by system and number of events; removed with the Run.
  std::map<std::string, std::unique_ptr<FilledStore>> stores;
};

// The run's store of about `events` events, filled at the first call. FAILED_PRECONDITION with a log that keeps none.
absl::StatusOr<FilledStore*> StoreOf(Run& run, const SystemKind& kind, uint64_t events);
// How many events the large store has.
uint64_t LargeStoreOf(const Settings& settings);
// A system that could not be measured: skipped, if it was not to be expected to work here; else failed.
Row TroubleRow(const std::string& workload, const std::string& system, const absl::Status& why);

struct Workload {
  std::string name;
  std::string about;  // for --help
  Report (*run)(Run& run);
};

const std::vector<Workload>& AllWorkloads();

// One in each file of its name.
Report RunFanout(Run& run);
Report RunBurst(Run& run);
Report RunIdleMemory(Run& run);
Report RunUnicast(Run& run);
Report RunLatency(Run& run);
Report RunLatencyIdle(Run& run);
Report RunDurable(Run& run);
Report RunResume(Run& run);
Report RunRestart(Run& run);
Report RunStorm(Run& run);

}  // namespace milepost::bench
