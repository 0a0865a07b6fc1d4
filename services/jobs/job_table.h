// JobTable: the jobs that readers may see, by name and by resource.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "services/jobs/job.h"

namespace milepost::jobs {

// Holds what the fold made, a commit at a time. Not thread-safe; the jobs in it are.
class JobTable {
 public:
  void Apply(const JobChanges& changes);

  // Null if it is not known.
  JobPtr Find(absl::string_view name) const;

  // The jobs that are `resource`, a name, or carry it, newest first. Costs what it returns; for patterns see JobView.
  std::vector<JobPtr> Of(absl::string_view resource) const;

  // All jobs, newest first.
  std::vector<JobPtr> All() const;

  size_t size() const { return by_name_.size(); }

 private:
  // By the sequence of the first event, newest first.
  using ByAge = absl::btree_map<uint64_t, JobPtr, std::greater<uint64_t>>;

  void Put(const JobPtr& job);
  void Remove(const std::string& name);

  absl::flat_hash_map<std::string, JobPtr> by_name_;
  ByAge by_age_;
  absl::flat_hash_map<std::string, ByAge> by_resource_;  // only resources beside the job's own name
};

}  // namespace milepost::jobs
