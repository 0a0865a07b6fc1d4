// QueueWatch: where queued jobs stand by now.
//
// What is said of a job is said with its events, and a job that waits has none while others start. So the service says
// QUEUED again, with the place that the job has by now, and the fold adds the time to the start. A kind is taken for one
// queue, and who starts was before whoever still waits.
//
// It says little: a place again when it has fallen by a fifth, so that a job with n before it gets some 5 ln n events; without
// a place once, when it is known how fast jobs start; and when the time to the start has run out. Never twice in
// kPlaceInterval, and kMaxPlaces at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "services/jobs/job.h"
#include "services/jobs/watch.h"

namespace milepost::jobs {

inline constexpr int64_t kPlaceInterval = 5 * kSecond;
inline constexpr size_t kMaxPlaces = 100;

// Times are a monotonic clock's, in nanoseconds. Not thread-safe.
class QueueWatch {
 public:
  // What became of jobs, in the log's order.
  void OnJobs(const JobChanges& changes, int64_t now);

  // To be called every second or so.
  std::vector<Saying> Due(int64_t now);

  // Jobs that wait.
  size_t size() const { return queued_.size(); }

 private:
  struct Queued {
    JobPtr job;
    std::string kind;
    uint64_t starts = 0;   // of the kind when its place was told
    int64_t said_at = 0;   // when its newest event came, or was to be said
    bool estimated = false;  // without a place: it was said that jobs start
  };
  struct Kind {
    uint64_t starts = 0;  // that were seen
    absl::flat_hash_set<std::string> jobs;
  };

  void Look(const JobPtr& job, int64_t now);
  void Leave(const std::string& name, bool starts);
  // The place to say, or none; no saying: nullopt.
  struct Place {
    std::optional<uint32_t> position;
  };
  std::optional<Place> PlaceOf(const Queued& queued, uint64_t starts, int64_t now) const;

  absl::flat_hash_map<std::string, Queued> queued_;  // by job
  absl::flat_hash_map<std::string, Kind> kinds_;     // those with queued jobs
};

}  // namespace milepost::jobs
