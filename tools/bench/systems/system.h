// A system under test, as workloads see it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "tools/bench/client/load_client.h"
#include "tools/bench/wire/event_mark.h"

namespace milepost::bench {

// Gives events to a system, in the way that is natural for it. Used by one thread.
class Publisher {
 public:
  virtual ~Publisher() = default;
  // Hands over `events`, in order, together if the system can take several at once. May wait while the system
  // is behind; that is the system's backpressure. An error is final.
  virtual absl::Status Publish(absl::Span<const BenchEvent> events) = 0;
  // Waits until the system has acknowledged all, where it acknowledges. DEADLINE_EXCEEDED at `deadline`
  // (MonotonicNanos).
  virtual absl::Status Finish(int64_t deadline) = 0;
};

// A process of a system, and what it is in it.
struct Part {
  std::string name;  // "edge", "eventd"; for systems of one part their own name
  pid_t pid = 0;     // with all processes that descend from it
};

// What the first bytes of a stream are to hold.
enum class Opening {
  kTail,      // only what is published from now on; the client then sees every event
  kSnapshot,  // what a browser asks for: snapshots first, where the system has such
};

// One fresh instance of a system: processes of its own that end with the object. Not thread-safe; Start from
// the main thread only (systems/child_process.h).
class System {
 public:
  virtual ~System() = default;
  // Starts it and waits until it is ready. UNAVAILABLE, with the end of its log, if it does not come up.
  virtual absl::Status Start() = 0;
  virtual std::vector<Part> Parts() const = 0;
  // How a reader of `job` connects.
  virtual Target ReaderTarget(uint32_t job, Opening opening) const = 0;
  virtual absl::StatusOr<std::unique_ptr<Publisher>> OpenPublisher() = 0;
};

// A kind of system.
struct SystemKind {
  std::string name;
  std::string about;  // half a sentence for --help
  std::string only;   // the one workload that it is a yardstick for; empty: all
  // Why it cannot run on this machine; empty: it can.
  std::function<std::string()> missing;
  std::function<std::unique_ptr<System>()> make;
};

// How Milepost's own processes are started.
struct MilepostOptions {
  int edge_threads = 1;                  // event loops of the edge; 0: as many as it likes
  std::vector<std::string> edge_flags;   // further flags
  std::vector<std::string> eventd_flags;
  std::string log = "memory";            // eventd's --log
};

// All kinds, in the order of the table.
std::vector<SystemKind> AllSystems(const MilepostOptions& milepost);

}  // namespace milepost::bench
