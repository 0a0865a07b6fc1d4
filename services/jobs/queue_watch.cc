#include "services/jobs/queue_watch.h"

#include <algorithm>
#include <utility>

#include "proto/contract/job_state.h"
#include "services/jobs/kind_model.h"

namespace milepost::jobs {
namespace {

using v1::JobState;

// How fast jobs start is known after so many starts.
constexpr uint64_t kKnownStarts = kSettledRuns + 1;
// A place is said again when it has fallen by one part of so many.
constexpr uint32_t kPlaceParts = 5;

int64_t Nanos(const google::protobuf::Duration& span) {
  constexpr int64_t kLongest = int64_t{365} * 24 * 3600;
  return std::min(span.seconds(), kLongest) * kSecond + span.nanos();
}

}  // namespace

void QueueWatch::OnJobs(const JobChanges& changes, int64_t now) {
  for (const std::string& name : changes.forgotten) Leave(name, false);
  for (const JobPtr& job : changes.jobs) Look(job, now);
}

void QueueWatch::Look(const JobPtr& job, int64_t now) {
  if (job->state.state() != JobState::QUEUED) return Leave(job->name(), !contract::HasEnded(job->state.state()));
  const auto known = queued_.find(job->name());
  if (known != queued_.end() && known->second.kind != job->state.kind()) Leave(job->name(), false);
  const auto [it, added] = queued_.try_emplace(job->name());
  Queued& queued = it->second;
  Kind& kind = kinds_[job->state.kind()];
  if (added) {
    queued.kind = job->state.kind();
    kind.jobs.insert(job->name());
  }
  if (added || queued.job->course.placed_nanos != job->course.placed_nanos) queued.starts = kind.starts;
  queued.said_at = now;
  queued.job = job;
}

void QueueWatch::Leave(const std::string& name, bool starts) {
  const auto it = queued_.find(name);
  if (it == queued_.end()) return;
  const auto kind = kinds_.find(it->second.kind);
  kind->second.jobs.erase(name);
  if (starts) ++kind->second.starts;
  if (kind->second.jobs.empty()) kinds_.erase(kind);
  queued_.erase(it);
}

std::optional<QueueWatch::Place> QueueWatch::PlaceOf(const Queued& queued, uint64_t starts, int64_t now) const {
  const JobState& state = queued.job->state;
  if (now - queued.said_at < kPlaceInterval) return std::nullopt;
  const bool over = state.has_start_eta() && now - queued.said_at >= Nanos(state.start_eta());
  const bool unknown = !state.has_start_eta() && !queued.estimated && starts - queued.starts >= kKnownStarts;
  if (!state.has_queue_position()) return over || unknown ? std::optional(Place()) : std::nullopt;
  const uint32_t before = state.queue_position();
  const auto fallen = static_cast<uint32_t>(std::min<uint64_t>(starts - queued.starts, before));
  const bool far = fallen > 0 && fallen >= (before + kPlaceParts - 1) / kPlaceParts;
  if (!over && !unknown && !far) return std::nullopt;
  return Place{before - fallen};
}

std::vector<Saying> QueueWatch::Due(int64_t now) {
  std::vector<Saying> sayings;
  for (auto& [name, queued] : queued_) {
    if (sayings.size() >= kMaxPlaces) break;
    const auto place = PlaceOf(queued, kinds_[queued.kind].starts, now);
    if (!place.has_value()) continue;
    Saying& saying = sayings.emplace_back(Saying{v1::ProgressEvent(), queued.job->last});
    saying.event.set_job(name);
    if (queued.job->state.attempt() > 1) saying.event.set_attempt(queued.job->state.attempt());
    saying.event.mutable_status()->set_state(v1::JobStatus::QUEUED);
    if (place->position.has_value()) saying.event.mutable_status()->set_queue_position(*place->position);
    queued.said_at = now;
    queued.estimated = true;
  }
  return sayings;
}

}  // namespace milepost::jobs
