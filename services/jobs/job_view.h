// JobView: the jobs of some resources as they stood at one moment.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "services/jobs/job_table.h"

namespace milepost::jobs {

// Taken quickly, looked at later: making one costs what its names carry and, if there are patterns among them, one pass over
// all jobs; what a pattern covers is found out when it is asked for. Immutable; safe from any thread.
class JobView {
 public:
  // `resources`: names or patterns.
  JobView(const JobTable& table, std::vector<std::string> resources);

  const std::vector<std::string>& resources() const { return resources_; }
  // The jobs that are resource `i` or carry it, newest first.
  std::vector<JobPtr> Jobs(size_t i) const;

 private:
  std::vector<std::string> resources_;
  std::vector<std::vector<JobPtr>> named_;  // of each resource that is no pattern
  std::vector<JobPtr> all_;                 // only if there is a pattern
};

}  // namespace milepost::jobs
