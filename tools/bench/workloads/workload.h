// The workloads by name. A further one is a function and a line in the table of workload.cc.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/bench/report/report.h"
#include "tools/bench/workloads/rounds.h"

namespace milepost::bench {

// What workloads of one run share: the settings, and series that more than one of them reports.
struct Run {
  Settings settings;
  std::map<std::string, std::vector<Series>> series;
};

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

}  // namespace milepost::bench
