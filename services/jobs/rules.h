// Which event may follow what is known of a job.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "milepost/v1/event.pb.h"
#include "services/jobs/job.h"

namespace milepost::jobs {

// How the reason of a stall begins that is for want of progress. The other one is a silent worker: they are told apart by
// what was said.
inline constexpr char kNoProgress[] = "no progress for ";

// The code of a failure that the service tells because nothing was heard of the worker.
inline constexpr char kWorkerLost[] = "WORKER_LOST";

// True if the job is STALLED because its worker is silent.
bool IsSilent(const v1::JobState& state);

// True if the service ended the job because its worker was lost.
bool IsLost(const v1::JobState& state);

// OK if `event` may follow. Otherwise FAILED_PRECONDITION with the reason, which is the worker's answer; or NOT_FOUND
// for a request to a job that is not known. `job` is null if nothing was heard of it. With `only_after` other than 0 the
// event holds only if the job's newest event is not past that sequence. `producer`: whose stream it came by; empty: none.
// `commit_nanos`: when the event is committed.
absl::Status MayFollow(const Job* job, const v1::ProgressEvent& event, absl::string_view producer, int64_t commit_nanos,
                       uint64_t only_after);

// The request that `event`, a control event that may follow, repeats: REQUESTED of an action whose request has not come to its
// end, or DELIVERED of what was delivered before, perhaps to the worker before this one. Null if it repeats nothing.
const Request* RepeatedRequest(const Job& job, const v1::ProgressEvent& event);

// Carries the effect of an event that may follow over to job.requests and job.before_stall. `job.state` is still that of
// before the event.
void ApplyToRequests(const v1::ProgressEvent& event, Job* job);

}  // namespace milepost::jobs
