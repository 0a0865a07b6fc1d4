// Milepost on a log that is about to be measured itself.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/bench/systems/child_process.h"
#include "tools/bench/systems/milepost_processes.h"

namespace milepost::bench {

// Processes that are not started yet, and the store that they will use. Destroyed from below: the processes go before
// their files.
struct KeptMilepost {
  std::unique_ptr<ScratchDirectory> store;  // null for the memory log
  std::unique_ptr<MilepostProcesses> processes;
};

// The log is options.kept_log: a store in a directory of its own, or memory with room for all that the bench publishes.
absl::StatusOr<KeptMilepost> MakeKeptMilepost(const MilepostOptions& options);

}  // namespace milepost::bench
