// Requests about jobs as values: the list's query, and what is asked of a worker.
//
// Every error is INVALID_ARGUMENT, begins with the name of the parameter or member and says what to do. Pure
// functions; any thread.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "milepost/v1/job_service.pb.h"

namespace milepost::edge::http {

// Jobs of one page (the service's limit).
inline constexpr uint32_t kMaxPageSize = 1000;

// GET /v1/jobs: `query` is what follows '?', still encoded. What only the service can judge (a state's name, a page's
// token) is left to it.
absl::StatusOr<v1::ListJobsRequest> ParseJobList(absl::string_view query);

// GET /v1/jobs/{job}: the name, and a query that has no parameters.
absl::StatusOr<v1::GetJobRequest> ParseJobGet(absl::string_view job, absl::string_view query);

// POST /v1/jobs/{job}:verb. `body` is empty or a JSON object with `reason` and `deadline` (RFC 3339); either may be
// left out or null.
absl::StatusOr<v1::ControlJobRequest> ParseControl(absl::string_view job, v1::Control::Action action,
                                                   absl::string_view query, absl::string_view body);

}  // namespace milepost::edge::http
