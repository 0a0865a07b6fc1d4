// Choosing among jobs: what a snapshot shows, and the pages of a list. Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "milepost/v1/job.pb.h"
#include "milepost/v1/job_service.pb.h"
#include "services/jobs/job.h"

namespace milepost::jobs {

inline constexpr size_t kMaxSnapshotJobs = 1000;
inline constexpr int64_t kRecentNanos = int64_t{3600} * 1'000'000'000;  // an ended job stays so long in snapshots
inline constexpr uint32_t kMaxPageSize = 1000;
inline constexpr uint32_t kDefaultPageSize = 100;
inline constexpr size_t kMaxQueryBytes = 256;

// How many of `jobs` stand where; those that nobody gave a state are in the total alone.
v1::JobCounts Count(const std::vector<JobPtr>& jobs);

// Of the jobs of `resource`, newest first, those that its snapshot shows at `now_nanos`: the active ones, those ended in the
// last hour, and the one of that very name; at most kMaxSnapshotJobs.
std::vector<JobPtr> ForSnapshot(const std::vector<JobPtr>& jobs, absl::string_view resource, int64_t now_nanos);

struct JobPage {
  std::vector<JobPtr> jobs;
  std::string next;      // page token; empty: the last page
  v1::JobCounts counts;  // of all that match but for their state
};

// Leads to the jobs that are older than the one made at `created`, for requests with the same filters.
std::string PageToken(const v1::ListJobsRequest& request, uint64_t created);

// OK if the filters and the page of `request` are good; otherwise INVALID_ARGUMENT that names the field and the limit.
absl::Status ValidateList(const v1::ListJobsRequest& request);

// The page of a valid request; `jobs` are those of its resource, newest first.
JobPage ListPage(const std::vector<JobPtr>& jobs, const v1::ListJobsRequest& request);

}  // namespace milepost::jobs
