#include "services/jobs/job_view.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "proto/contract/resource.h"

namespace milepost::jobs {

JobView::JobView(const JobTable& table, std::vector<std::string> resources) : resources_(std::move(resources)) {
  named_.resize(resources_.size());
  bool patterns = false;
  for (size_t i = 0; i < resources_.size(); ++i) {
    if (contract::IsPattern(resources_[i])) {
      patterns = true;
    } else {
      named_[i] = table.Of(resources_[i]);
    }
  }
  if (patterns) all_ = table.All();
}

std::vector<JobPtr> JobView::Jobs(size_t i) const {
  if (!contract::IsPattern(resources_[i])) return named_[i];
  const absl::string_view prefix = absl::string_view(resources_[i]).substr(0, resources_[i].size() - 1);
  std::vector<JobPtr> found;
  for (const JobPtr& job : all_) {
    const auto covered = [prefix](const std::string& name) { return absl::StartsWith(name, prefix); };
    if (std::any_of(job->names->begin(), job->names->end(), covered)) found.push_back(job);
  }
  return found;
}

}  // namespace milepost::jobs
