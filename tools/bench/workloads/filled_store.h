// A store with many events on disk, for the workloads about the past.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/bench/producers/job_plan.h"
#include "tools/bench/systems/kept_milepost.h"

namespace milepost::bench {

// Filled through eventd's own front door, over several PublishStreams: a hundred jobs at a time, each with one event and
// then the hundred that a reader will have missed, of which the last completes it. So a job's events lie a hundred
// records apart, however large the store is. Removed with the object. Not thread-safe; for the main thread only.
class FilledStore {
 public:
  // Fills a store with about `events` events and stops eventd. Says how far it is.
  static absl::StatusOr<std::unique_ptr<FilledStore>> Make(const MilepostOptions& options, uint64_t events);

  // eventd on this store; not running at first.
  MilepostProcesses& processes() { return *kept_.processes; }
  const std::string& directory() const { return kept_.store->path(); }
  // Events in the log: those of the filling and what was added.
  uint64_t events() const { return events_; }
  void Added(uint64_t events) { events_ += events; }
  // Jobs of the filling, from 0, oldest first.
  uint32_t jobs() const { return jobs_; }
  // How fast the filling went, in events a second.
  double fill_rate() const { return fill_rate_; }

  static constexpr uint32_t kMissed = 100;      // events of a job after its first one
  static constexpr uint32_t kLiveJobs = 100;    // jobs of the same age
  static constexpr uint64_t kSmallest = kLiveJobs * (1 + kMissed);

 private:
  explicit FilledStore(KeptMilepost kept) : kept_(std::move(kept)) {}
  absl::Status Fill(uint64_t events);

  KeptMilepost kept_;
  uint64_t events_ = 0;
  uint32_t jobs_ = 0;
  double fill_rate_ = 0;
};

// "10 M", "10 k", "123"
std::string ShortCount(uint64_t count);

}  // namespace milepost::bench
