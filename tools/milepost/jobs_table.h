// Jobs as lines of text. Pure functions; safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "milepost/v1/job.pb.h"
#include "tools/milepost/job_text.h"

namespace milepost::tool {

// No limit for the width of a line.
inline constexpr size_t kAnyWidth = 0;

// A head and a line for each job: state, percent, ETA, age, step, message. No line is wider than `width`.
std::vector<std::string> JobTable(const std::vector<v1::JobState>& jobs, WallTime now, size_t width);

// "37 of 100 done, 2 failed, 61 running"; "no jobs".
std::string CountsText(const v1::JobCounts& counts);

// One job with all that is known of it, a line for each thing.
std::vector<std::string> JobDetails(const v1::JobState& job, WallTime now, size_t width);

}  // namespace milepost::tool
