#include "tools/bench/workloads/workload.h"

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
  };
  return *workloads;
}

}  // namespace milepost::bench
