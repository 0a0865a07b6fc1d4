#include "services/jobs/watch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"
#include "services/jobs/rules.h"

namespace milepost::jobs {
namespace {

using v1::Control;
using v1::JobState;

std::string Seconds(int64_t nanos) { return absl::StrCat(nanos / kSecond, " s"); }

// Compared by seconds first, because far-off ones do not fit into nanoseconds.
bool Passed(const google::protobuf::Timestamp& time, int64_t wall) {
  const int64_t seconds = wall / kSecond;
  return seconds != time.seconds() ? seconds > time.seconds() : wall % kSecond >= time.nanos();
}

bool Ended(const Job& job) { return contract::HasEnded(job.state.state()); }

v1::ProgressEvent EventFor(const Job& job) {
  v1::ProgressEvent event;
  event.set_job(job.name());
  if (job.state.attempt() > 1) event.set_attempt(job.state.attempt());
  return event;
}

Saying SayStatus(const Job& job, JobState::State state, const std::string& message) {
  Saying saying{EventFor(job), job.last};
  // The values of the two enumerations are the same.
  saying.event.mutable_status()->set_state(static_cast<v1::JobStatus::State>(state));
  if (!message.empty()) saying.event.mutable_status()->set_message(message);
  return saying;
}

Saying SayFailed(const Job& job, const std::string& code, const std::string& message, bool retryable) {
  Saying saying{EventFor(job), job.last};
  saying.event.mutable_failed()->set_code(code);
  saying.event.mutable_failed()->set_message(message);
  if (retryable) saying.event.mutable_failed()->set_retryable(true);
  return saying;
}

Saying SayControl(const Job& job, const Request& request, Control::Phase phase, const std::string& reason) {
  Saying saying{EventFor(job), 0};
  Control& control = *saying.event.mutable_control();
  control.set_request(request.seq);
  control.set_action(request.action);
  control.set_phase(phase);
  if (!reason.empty()) control.set_reason(reason);
  return saying;
}

v1::PublishStreamResponse::Lost MakeLost(const Job& job) {
  v1::PublishStreamResponse::Lost lost;
  lost.set_job(job.name());
  lost.set_attempt(job.state.attempt());
  return lost;
}

v1::PublishStreamResponse::Lost MakeReplaced(const Job& job) {
  v1::PublishStreamResponse::Lost lost = MakeLost(job);
  lost.set_replaced(true);
  return lost;
}

bool WasReplaced(const Job& job, const std::string& producer) {
  return std::find(job.replaced.begin(), job.replaced.end(), producer) != job.replaced.end();
}

Command MakeCommand(const Job& job, const Request& request) {
  Command command{.producer = job.producer};
  command.command.set_request(request.seq);
  command.command.set_job(job.name());
  command.command.set_action(request.action);
  if (!request.reason.empty()) command.command.set_reason(request.reason);
  command.command.mutable_deadline()->set_seconds(request.deadline_nanos / kSecond);
  command.command.mutable_deadline()->set_nanos(static_cast<int32_t>(request.deadline_nanos % kSecond));
  return command;
}

}  // namespace

Words Watch::OnJobs(const JobChanges& changes, int64_t now) {
  if (last_seen_ == 0) last_seen_ = now;
  Words words;
  for (const std::string& name : changes.forgotten) Drop(name);
  for (const JobPtr& job : changes.jobs) Look(job, now, &words);
  return words;
}

void Watch::Look(const JobPtr& job, int64_t now, Words* words) {
  if (Ended(*job) && job->requests.empty()) {
    Drop(job->name());
    const bool lost = IsLost(job->state) && !job->producer.empty();
    // It may be there again, or have been silent on an open stream.
    if (lost) words->losses.push_back({job->producer, MakeLost(*job)});
    if (!lost && job->replaced.empty()) return;
    lost_[job->name()] = job;
    Attach(*job, now);
    return;
  }
  if (const auto it = lost_.find(job->name()); it != lost_.end()) {
    Detach(*it->second);
    lost_.erase(it);
  }
  Watched& watched = watched_[job->name()];
  const JobPtr before = std::exchange(watched.job, job);
  const bool replaced = before == nullptr || before->replaced != job->replaced;
  if (before != nullptr && (replaced || before->producer != job->producer)) Detach(*before);
  Attach(*job, now);
  if (replaced || before->state.attempt() != job->state.attempt()) {
    for (const std::string& producer : job->replaced) words->losses.push_back({producer, MakeReplaced(*job)});
  }
  const bool moved = before == nullptr || before->state.attempt() != job->state.attempt() ||
                     before->state.state() != job->state.state() ||
                     before->state.progress_time().seconds() != job->state.progress_time().seconds() ||
                     before->state.progress_time().nanos() != job->state.progress_time().nanos();
  if (moved) watched.moved_at = Counted(now);
  if (IsSilent(job->state)) {
    if (const Lease* lease = LeaseOf(*job)) watched.silence = lease->heard_at;
  }
  for (const Request& request : job->requests) {
    // A worker that took over gets what another one has taken and not answered.
    if (!request.open() || request.superseded || job->producer.empty()) continue;
    std::pair<uint64_t, std::string> told(request.seq, job->producer);
    if (std::find(watched.told.begin(), watched.told.end(), told) != watched.told.end()) continue;
    words->commands.push_back(MakeCommand(*job, request));
    watched.told.push_back(std::move(told));
  }
  if (job->requests.empty()) watched.told.clear();
  const size_t said = words->sayings.size();
  SayRequests(watched, Counted(now), 0, &words->sayings);
  if (words->sayings.size() == said) return;
  watched.said_at = Counted(now);
  watched.said_for = job->last;
}

void Watch::Drop(const std::string& name) {
  if (const auto it = watched_.find(name); it != watched_.end()) {
    Detach(*it->second.job);
    watched_.erase(it);
  }
  if (const auto it = lost_.find(name); it != lost_.end()) {
    Detach(*it->second);
    lost_.erase(it);
  }
}

void Watch::Attach(const Job& job, int64_t now) {
  const auto attach = [&](const std::string& producer) {
    const auto [it, added] = leases_.try_emplace(producer);
    // A producer that was heard of before this service started has a lease's time to come back.
    if (added) it->second.heard_at = Counted(now);
    it->second.jobs.insert(job.name());
  };
  if (!job.producer.empty()) attach(job.producer);
  for (const std::string& producer : job.replaced) attach(producer);
}

void Watch::Detach(const Job& job) {
  const auto detach = [&](const std::string& producer) {
    const auto it = leases_.find(producer);
    if (it == leases_.end()) return;
    it->second.jobs.erase(job.name());
    if (it->second.jobs.empty() && !it->second.connected) leases_.erase(it);
  };
  detach(job.producer);
  for (const std::string& producer : job.replaced) detach(producer);
}

void Watch::OnKnown(const std::string& producer, int64_t lease_nanos) {
  const auto it = leases_.find(producer);
  if (it != leases_.end() && !it->second.known) it->second.nanos = std::max(kDefaultLeaseNanos, lease_nanos);
}

void Watch::OnConnected(const std::string& producer, int64_t lease_nanos, int64_t now) {
  Lease& lease = leases_[producer];
  lease.nanos = lease_nanos;
  lease.heard_at = Counted(now);
  lease.connected = true;
  lease.released = false;
  lease.known = true;
}

void Watch::OnHeard(const std::string& producer, int64_t heard_at) {
  const auto it = leases_.find(producer);
  if (it != leases_.end()) it->second.heard_at = std::max(it->second.heard_at, Counted(heard_at));
}

void Watch::OnDisconnected(const std::string& producer, bool clean, int64_t heard_at) {
  OnHeard(producer, heard_at);
  const auto it = leases_.find(producer);
  if (it == leases_.end()) return;
  it->second.connected = false;
  it->second.released = clean;
  if (it->second.jobs.empty()) leases_.erase(it);
}

std::vector<Command> Watch::CommandsFor(const std::string& producer, int64_t wall) const {
  std::vector<Command> commands;
  const auto it = leases_.find(producer);
  if (it == leases_.end()) return commands;
  for (const std::string& name : it->second.jobs) {
    const auto watched = watched_.find(name);
    if (watched == watched_.end() || watched->second.job->producer != producer) continue;
    for (const Request& request : watched->second.job->requests) {
      if (!request.open() || request.superseded || wall >= request.deadline_nanos) continue;
      commands.push_back(MakeCommand(*watched->second.job, request));
    }
  }
  // In the order in which they were asked.
  std::sort(commands.begin(), commands.end(),
            [](const Command& a, const Command& b) { return a.command.request() < b.command.request(); });
  return commands;
}

std::vector<v1::PublishStreamResponse::Lost> Watch::LostBy(const std::string& producer) const {
  std::vector<v1::PublishStreamResponse::Lost> lost;
  const auto it = leases_.find(producer);
  if (it == leases_.end()) return lost;
  for (const std::string& name : it->second.jobs) {
    const auto ended = lost_.find(name);
    const auto watched = watched_.find(name);
    const Job* job = ended != lost_.end() ? ended->second.get() : watched != watched_.end() ? watched->second.job.get() : nullptr;
    if (job == nullptr) continue;
    if (WasReplaced(*job, producer)) {
      lost.push_back(MakeReplaced(*job));
    } else if (IsLost(job->state) && job->producer == producer) {
      lost.push_back(MakeLost(*job));
    }
  }
  return lost;
}

void Watch::Advance(int64_t now, int64_t most) {
  if (last_seen_ != 0 && now - last_seen_ > most) paused_ += now - last_seen_;
  last_seen_ = now;
}

void Watch::OnSlept(int64_t now) { Advance(now, kMaxSleepNanos); }

std::vector<Saying> Watch::Due(int64_t now, int64_t wall) {
  Advance(now, kMaxPauseNanos);
  const int64_t counted = Counted(now);
  std::vector<Saying> sayings;
  for (auto& [name, watched] : watched_) {
    const bool said = watched.said_for == watched.job->last && counted - watched.said_at < kSayAgainNanos;
    if (said && watched.said_at != 0) continue;
    const size_t before = sayings.size();
    SayRequests(watched, counted, wall, &sayings);
    if (sayings.size() == before) SayState(watched, counted, wall, &sayings);
    if (sayings.size() == before) continue;
    watched.said_at = counted;
    watched.said_for = watched.job->last;
  }
  return sayings;
}

const Watch::Lease* Watch::LeaseOf(const Job& job) const {
  const auto it = leases_.find(job.producer);
  return it == leases_.end() || it->second.released ? nullptr : &it->second;
}

bool Watch::HasWorker(const Job& job, int64_t now) const {
  const Lease* lease = LeaseOf(job);
  return lease != nullptr && now < lease->end();
}

// With `wall` 0 only what does not depend on the time.
void Watch::SayRequests(const Watched& watched, int64_t now, int64_t wall, std::vector<Saying>* sayings) const {
  const Job& job = *watched.job;
  for (const Request& request : job.requests) {
    if (!request.open()) continue;
    const bool retry = request.action == Control::RETRY;
    if (Ended(job) && !retry) {
      const bool done = request.action == Control::CANCEL && job.state.state() == JobState::CANCELLED;
      sayings->push_back(SayControl(job, request, done ? Control::HONOURED : Control::REFUSED, done ? "" : "the job has ended"));
    } else if (retry && !Ended(job)) {
      sayings->push_back(SayControl(job, request, Control::HONOURED, "the next attempt has begun"));
    } else if (request.superseded) {
      sayings->push_back(SayControl(job, request, Control::REFUSED, "a later request to cancel takes its place"));
    } else if (request.action == Control::CANCEL && job.state.state() == JobState::QUEUED && !HasWorker(job, now)) {
      // Nobody works on it and nobody has to agree.
      sayings->push_back(SayControl(job, request, Control::HONOURED, ""));
      Saying cancelled{EventFor(job), 0};
      cancelled.event.mutable_cancelled()->set_reason(request.reason);
      sayings->push_back(std::move(cancelled));
    } else if (wall >= request.deadline_nanos) {
      sayings->push_back(SayControl(job, request, Control::TIMED_OUT, ""));
    }
  }
}

void Watch::SayState(const Watched& watched, int64_t now, int64_t wall, std::vector<Saying>* sayings) const {
  const Job& job = *watched.job;
  const JobState::State state = job.state.state();
  if (Ended(job)) return;
  if (job.state.has_deadline() && Passed(job.state.deadline(), wall)) {
    sayings->push_back(SayFailed(job, "DEADLINE_EXCEEDED", "the job's deadline has passed", false));
    return;
  }
  if (state == JobState::QUEUED) return;  // whoever queued it need not stay
  const int64_t limit = job.course.quiet_limit_nanos();
  const Lease* lease = LeaseOf(job);
  const bool silent = lease != nullptr && now >= lease->end();
  const bool stands_still = state == JobState::STALLED && !IsSilent(job.state);
  if (silent && now >= lease->end() + lost_after_ && state == JobState::CANCELLING) {
    // As it was asked for, and as the worker had agreed to.
    Saying cancelled{EventFor(job), job.last};
    cancelled.event.mutable_cancelled()->set_reason("the worker was lost while it wound down");
    sayings->push_back(std::move(cancelled));
  } else if (silent && now >= lease->end() + lost_after_) {
    sayings->push_back(
        SayFailed(job, kWorkerLost, absl::StrCat("nothing was heard of the worker for ", Seconds(now - lease->heard_at)), true));
  } else if (silent && (state != JobState::STALLED || stands_still) && state != JobState::CANCELLING &&
             watched.silence != lease->heard_at) {
    // Others may report on the job while its worker is silent; then it is RUNNING again, and this is not said twice.
    sayings->push_back(SayStatus(job, JobState::STALLED,
                                 absl::StrCat(lease->connected ? "the worker is silent" : "the worker's connection is lost",
                                              ": nothing was heard of it for ", Seconds(now - lease->heard_at))));
  } else if (state == JobState::STALLED && !stands_still && !silent && (lease == nullptr || lease->known)) {
    // One that is still waited for after a start is not back yet.
    const bool named = job.before_stall != JobState::STATE_UNSPECIFIED;
    sayings->push_back(SayStatus(job, named ? job.before_stall : JobState::RUNNING, ""));
  } else if (state == JobState::RUNNING && job.state.has_progress_time() && limit > 0 && now - watched.moved_at >= limit) {
    sayings->push_back(SayStatus(job, JobState::STALLED, absl::StrCat(kNoProgress, Seconds(now - watched.moved_at))));
  }
}

}  // namespace milepost::jobs
