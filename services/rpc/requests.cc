#include "services/rpc/requests.h"

#include "absl/strings/str_cat.h"
#include "proto/contract/event_name.h"
#include "proto/contract/resource.h"
#include "services/rpc/context.h"
#include "services/jobs/job_list.h"

namespace milepost::rpc {

absl::StatusOr<history::TypeSet> ParseTypes(const google::protobuf::RepeatedPtrField<std::string>& types) {
  if (static_cast<size_t>(types.size()) > kMaxTypes) {
    return absl::InvalidArgumentError(
        absl::StrCat("types: ", types.size(), " names, at most ", kMaxTypes, " are allowed"));
  }
  history::TypeSet set;
  for (const std::string& type : types) {
    if (!contract::IsEventName(type)) {
      return absl::InvalidArgumentError(absl::StrCat("types: ", contract::Quoted(type),
                                                     " is no event name: it must match [a-z][a-z0-9-]{0,63}"));
    }
    set.insert(type);
  }
  return set;
}

v1::Reset MakeReset(const hub::Hub& hub, v1::Reset::Reason reason) {
  v1::Reset reset;
  reset.set_reason(reason);
  reset.set_oldest(hub.CursorAt(hub.history().bounds().floor));
  return reset;
}

v1::JobState WithCursor(const hub::Hub& hub, const jobs::Job& job) {
  v1::JobState state = jobs::FullState(job);
  state.set_cursor(hub.CursorAt(job.last));
  return state;
}

std::vector<v1::Snapshot> MakeSnapshots(const hub::Hub& hub, std::span<const std::string> resources, int64_t now_nanos,
                                        uint64_t* position) {
  std::vector<std::vector<jobs::JobPtr>> jobs;
  *position = hub.JobsOf(resources, &jobs);
  std::vector<v1::Snapshot> snapshots;
  for (size_t i = 0; i < resources.size(); ++i) {
    v1::Snapshot& snapshot = snapshots.emplace_back();
    snapshot.set_resource(resources[i]);
    snapshot.set_cursor(hub.CursorAt(*position));
    *snapshot.mutable_counts() = jobs::Count(jobs[i]);
    size_t bytes = 0;
    for (const jobs::JobPtr& job : jobs::ForSnapshot(jobs[i], resources[i], now_nanos)) {
      v1::JobState state = WithCursor(hub, *job);
      const size_t size = state.ByteSizeLong() + 8;  // and its length
      if (bytes + size > kMaxSnapshotBytes && snapshot.jobs_size() > 0) continue;
      bytes += size;
      *snapshot.add_jobs() = std::move(state);
    }
    if (static_cast<size_t>(snapshot.jobs_size()) < jobs[i].size()) snapshot.set_more(true);
  }
  return snapshots;
}

}  // namespace milepost::rpc
