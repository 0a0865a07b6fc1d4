// Whether a job's attempt has ended, and whether another may follow. Pure; any thread.
#pragma once

#include <cstdint>

#include "milepost/v1/event.pb.h"
#include "milepost/v1/job.pb.h"

namespace milepost::edge::feed {

// What an event, or a state, means for a stream that ends with its job.
enum class JobEnd : uint8_t {
  kNone,       // the job goes on
  kFinal,      // completed, cancelled, or failed for good: no attempt follows by itself
  kRetryable,  // failed, another attempt may follow
};

// What `event` does to its job.
JobEnd EndOf(const v1::ProgressEvent& event);

// Where the job stands.
JobEnd EndOf(const v1::JobState& state);

// Where a job stood when a snapshot was taken; that of a job which nobody knows is the default.
struct JobStanding {
  JobEnd end = JobEnd::kNone;
  uint32_t attempt = 0;  // the newest
};

}  // namespace milepost::edge::feed
