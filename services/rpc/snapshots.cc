#include "services/rpc/snapshots.h"

#include <utility>

#include "services/jobs/job_list.h"
#include "services/rpc/requests.h"

namespace milepost::rpc {

Snapshots::Snapshots(const hub::Hub& hub, std::vector<std::string> resources, int64_t now_nanos)
    : hub_(hub), now_nanos_(now_nanos), jobs_(hub.View(std::move(resources), &position_)) {}

v1::Snapshot Snapshots::Next() {
  const std::string& resource = jobs_.resources()[next_];
  const std::vector<jobs::JobPtr> jobs = jobs_.Jobs(next_++);
  v1::Snapshot snapshot;
  snapshot.set_resource(resource);
  snapshot.set_cursor(hub_.CursorAt(position_));
  *snapshot.mutable_counts() = jobs::Count(jobs);
  size_t bytes = 0;
  for (const jobs::JobPtr& job : jobs::ForSnapshot(jobs, resource, now_nanos_)) {
    v1::JobState state = WithCursor(hub_, *job);
    const size_t size = state.ByteSizeLong() + 8;  // and its length
    if (bytes + size > kMaxSnapshotBytes && job->name() != resource) continue;
    bytes += size;
    *snapshot.add_jobs() = std::move(state);
  }
  if (static_cast<size_t>(snapshot.jobs_size()) < jobs.size()) snapshot.set_more(true);
  return snapshot;
}

}  // namespace milepost::rpc
