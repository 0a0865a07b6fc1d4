// A system under test, as workloads see it.
#pragma once

#include <netinet/in.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "tools/bench/client/load_client.h"
#include "tools/bench/producers/producer_wire.h"
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

// One fresh instance of a log that acknowledges an event when it is safe; processes of its own that end with the object,
// and what they wrote too. Not thread-safe; Start from the main thread only.
class AckedLog {
 public:
  virtual ~AckedLog() = default;
  virtual absl::Status Start() = 0;
  virtual std::vector<Part> Parts() const = 0;
  virtual sockaddr_in address() const = 0;
  // A producer whose events take about `event_bytes` on the wire.
  virtual std::unique_ptr<ProducerWire> NewProducer(size_t event_bytes) const = 0;
};

// How Milepost's own processes are started.
struct MilepostOptions {
  int edge_threads = 1;                  // event loops of the edge; 0: as many as it likes
  std::vector<std::string> edge_flags;   // further flags
  std::vector<std::string> eventd_flags;
  std::string log = "memory";            // eventd's --log
  std::string kept_log = "rocksdb";      // of the workloads about the log: in a directory of its own; or "memory"
  std::string store_parent = "/var/tmp"; // where such directories are made
};

// A kind of system. It offers what workloads ask for, or has no function for it.
struct SystemKind {
  std::string name;
  std::string about;  // half a sentence for --help
  std::string only;   // the one workload that it is a yardstick for; empty: all
  // Why it cannot run on this machine; empty: it can.
  std::function<std::string()> missing;
  std::function<std::unique_ptr<System>()> make = nullptr;
  std::function<std::unique_ptr<AckedLog>()> make_log = nullptr;
  std::optional<MilepostOptions> milepost = std::nullopt;  // of Milepost: for workloads that start its processes themselves
};

// All kinds, in the order of the table.
std::vector<SystemKind> AllSystems(const MilepostOptions& milepost);

}  // namespace milepost::bench
