#include "services/jobs/job_table.h"

#include <algorithm>


namespace milepost::jobs {

void JobTable::Apply(const JobChanges& changes) {
  for (const std::string& name : changes.forgotten) Remove(name);
  for (const JobPtr& job : changes.jobs) Put(job);
}

void JobTable::Put(const JobPtr& job) {
  JobPtr& known = by_name_[job->name()];
  // One that was forgotten and came back within one commit has another first event.
  if (known != nullptr && known->created != job->created) {
    Remove(job->name());
    by_name_[job->name()] = job;
  } else {
    known = job;
  }
  by_age_[job->created] = job;
  for (size_t i = 1; i < job->names->size(); ++i) by_resource_[(*job->names)[i]][job->created] = job;
}

void JobTable::Remove(const std::string& name) {
  const auto it = by_name_.find(name);
  if (it == by_name_.end()) return;
  const JobPtr job = it->second;
  by_name_.erase(it);
  by_age_.erase(job->created);
  for (size_t i = 1; i < job->names->size(); ++i) {
    const auto resource = by_resource_.find((*job->names)[i]);
    if (resource == by_resource_.end()) continue;
    resource->second.erase(job->created);
    if (resource->second.empty()) by_resource_.erase(resource);
  }
}

JobPtr JobTable::Find(absl::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second;
}

std::vector<JobPtr> JobTable::Of(absl::string_view resource) const {
  std::vector<JobPtr> found;
  if (const auto it = by_resource_.find(resource); it != by_resource_.end()) {
    found.reserve(it->second.size() + 1);
    for (const auto& [created, job] : it->second) found.push_back(job);
  }
  // No job carries its own name as a further resource, so it is not among them yet.
  if (JobPtr own = Find(resource)) {
    const auto older = std::find_if(found.begin(), found.end(), [&](const JobPtr& job) { return job->created < own->created; });
    found.insert(older, std::move(own));
  }
  return found;
}

std::vector<JobPtr> JobTable::All() const {
  std::vector<JobPtr> all;
  all.reserve(by_age_.size());
  for (const auto& [created, job] : by_age_) all.push_back(job);
  return all;
}

}  // namespace milepost::jobs
