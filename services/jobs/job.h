// Job: all that the service knows of one job after some record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "milepost/v1/job.pb.h"
#include "services/jobs/course.h"

namespace milepost::jobs {

// Replaced workers of a job that are remembered; past it the one that was replaced first is forgotten.
inline constexpr size_t kMaxReplaced = 8;

// A request to the job's worker that has not come to its end.
struct Request {
  uint64_t seq = 0;  // of its REQUESTED event
  v1::Control::Action action = v1::Control::ACTION_UNSPECIFIED;
  v1::Control::Phase phase = v1::Control::PHASE_UNSPECIFIED;  // REQUESTED, DELIVERED, or HONOURED for a CANCEL that winds down
  int64_t deadline_nanos = 0;  // since the Unix epoch
  std::string reason;
  bool superseded = false;     // by a later CANCEL

  bool open() const { return phase != v1::Control::HONOURED; }
};

// Immutable once it is shared: every commit that touches a job makes a new one.
struct Job {
  // Without its cursor; and of a job that has ended only what jobs are chosen and judged by, the rest is packed, because
  // most jobs that are known have ended and many small pieces of memory cost four times their contents. FullState has all.
  v1::JobState state;
  std::string packed;
  // The job, then its sticky resources. Shared with the job's events.
  std::shared_ptr<const std::vector<std::string>> names;
  uint64_t created = 0;  // sequence of its first event
  uint64_t last = 0;     // and of its newest one
  std::string producer;  // whose stream last published for it; empty: none did
  // Producers that were silent or lost when another worker took the job over, the newest last. They may think that the job
  // is theirs.
  std::vector<std::string> replaced;
  std::vector<Request> requests;  // at most one for each action
  Course course;         // of the newest attempt
  v1::JobState::State before_stall = v1::JobState::STATE_UNSPECIFIED;  // only while STALLED

  const std::string& name() const { return state.job(); }
};
// All of a job's state, but for its cursor.
v1::JobState FullState(const Job& job);

// Packs the state of a job that has ended; brings it back to be changed. Both may be called twice.
void Pack(Job* job);
void Unpack(Job* job);

using JobPtr = std::shared_ptr<const Job>;

// What one commit did to jobs. The forgotten ones come first: one of them may be there again.
struct JobChanges {
  std::vector<std::string> forgotten;
  std::vector<JobPtr> jobs;  // each once
};

}  // namespace milepost::jobs
