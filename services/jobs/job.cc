#include "services/jobs/job.h"

#include <utility>

#include "proto/contract/job_state.h"

namespace milepost::jobs {

// Encoded messages that follow one another are their merge, and what is packed is nowhere else.
v1::JobState FullState(const Job& job) {
  v1::JobState full = job.state;
  full.MergeFromString(job.packed);
  return full;
}

void Pack(Job* job) {
  v1::JobState& state = job->state;
  if (!job->packed.empty() || !contract::HasEnded(state.state())) return;
  v1::JobState all = std::move(state);
  state.Clear();
  // What lists, snapshots and rules look at.
  state.set_job(all.job());
  state.set_kind(all.kind());
  state.set_state(all.state());
  state.set_attempt(all.attempt());
  if (all.has_title()) state.mutable_title()->swap(*all.mutable_title());
  if (all.has_message()) state.mutable_message()->swap(*all.mutable_message());
  if (all.has_error()) state.mutable_error()->Swap(all.mutable_error());
  state.mutable_labels()->swap(*all.mutable_labels());
  *state.mutable_end_time() = all.end_time();
  if (all.has_overall()) state.set_overall(all.overall());
  all.clear_job();
  all.clear_kind();
  all.clear_state();
  all.clear_attempt();
  all.clear_title();
  all.clear_message();
  all.clear_error();
  all.clear_end_time();
  all.clear_overall();
  job->packed = all.SerializeAsString();
}

void Unpack(Job* job) {
  job->state.MergeFromString(job->packed);
  job->packed = std::string();
}

}  // namespace milepost::jobs
