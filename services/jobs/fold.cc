#include "services/jobs/fold.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"
#include "services/jobs/rules.h"

namespace milepost::jobs {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

// Microseconds are enough for people and programs, and make shorter JSON than nanoseconds.
void SetCommitTime(int64_t nanos, v1::ProgressEvent* event) {
  event->mutable_commit_time()->set_seconds(nanos / kNanosPerSecond);
  event->mutable_commit_time()->set_nanos(static_cast<int32_t>(nanos % kNanosPerSecond / 1000 * 1000));
}

void SetDuration(int64_t nanos, google::protobuf::Duration* duration) {
  duration->set_seconds(nanos / kNanosPerSecond);
  duration->set_nanos(static_cast<int32_t>(nanos % kNanosPerSecond));
}

void SetEstimates(const Estimate& estimate, v1::ProgressEvent* event) {
  if (estimate.overall) event->set_overall(*estimate.overall);
  if (estimate.eta_nanos) SetDuration(*estimate.eta_nanos, event->mutable_eta());
  if (estimate.eta_p90_nanos) SetDuration(*estimate.eta_p90_nanos, event->mutable_eta_p90());
  if (estimate.start_eta_nanos) SetDuration(*estimate.start_eta_nanos, event->mutable_start_eta());
}

void MoveEstimates(v1::ProgressEvent* from, v1::ProgressEvent* to) {
  if (from->has_overall()) to->set_overall(from->overall());
  if (from->has_eta()) to->mutable_eta()->Swap(from->mutable_eta());
  if (from->has_eta_p90()) to->mutable_eta_p90()->Swap(from->mutable_eta_p90());
  if (from->has_start_eta()) to->mutable_start_eta()->Swap(from->mutable_start_eta());
  from->clear_overall();
  from->clear_eta();
  from->clear_eta_p90();
  from->clear_start_eta();
}

using Names = std::shared_ptr<const std::vector<std::string>>;

Stamp Now(const Input& input) { return {input.seq, input.commit_nanos}; }

// `known` (job first) and what the event adds to it; null if the event adds nothing.
std::shared_ptr<std::vector<std::string>> Extended(const std::vector<std::string>& known, const v1::ProgressEvent& event) {
  std::shared_ptr<std::vector<std::string>> extended;
  for (const std::string& name : event.resources()) {
    const auto& names = extended ? *extended : known;
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    if (!extended) extended = std::make_shared<std::vector<std::string>>(known);
    extended->push_back(name);
  }
  return extended;
}

// True if an event without a stream says that somebody works on the job.
bool BeginsWork(const v1::ProgressEvent& event) {
  const v1::JobStatus::State state = event.status().state();
  return event.has_step() || event.has_progress() || (state != v1::JobStatus::QUEUED && state != v1::JobStatus::STATE_UNSPECIFIED);
}

// The worker of a job is whose stream last published for it. Who moves it by other ways has no stream, so no request could
// reach them and no lease would tell of their end: they take a job over only where nobody works on it, or with another
// attempt. Answers to requests, and the service's own words, change nothing.
bool ChangesWorker(const Input& input, const Job& job) {
  const v1::ProgressEvent& event = *input.event;
  if (event.has_control() || input.only_after != 0) return false;
  if (!input.producer.empty() || contract::AttemptOf(event) > job.state.attempt()) return true;
  const v1::JobState::State state = job.state.state();
  return (state == v1::JobState::QUEUED || state == v1::JobState::STATE_UNSPECIFIED) && BeginsWork(event);
}

// `job` is as it was before `producer` had it; empty: someone without a stream.
void ChangeWorker(absl::string_view producer, Job* job) {
  if (job->producer == producer) return;
  std::vector<std::string>& replaced = job->replaced;
  std::erase(replaced, producer);
  if (!job->producer.empty() && (IsSilent(job->state) || IsLost(job->state))) {
    if (replaced.size() == kMaxReplaced) replaced.erase(replaced.begin());
    replaced.push_back(std::move(job->producer));
  }
  job->producer = std::string(producer);
}

absl::Status CheckLabels(const Job& job, const v1::ProgressEvent& event) {
  size_t labels = job.state.labels().size();
  for (const auto& [key, value] : event.status().labels()) labels += !job.state.labels().contains(key);
  if (labels <= kMaxJobLabels) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("status.labels: ", event.job(), " would have ", labels, " labels, at most ",
                                                    kMaxJobLabels, " may be set over the life of a job"));
}

}  // namespace

Verdict Fold::Apply(const Input& input) {
  Verdict verdict;
  bool fresh = true;
  if (!input.producer.empty()) {
    Producer& producer = producers_.FindOrAdd(input.producer, Now(input));
    producer.released = input.number == 0;
    if (input.first_of_stream) {
      producer.marks.Settle(input.number);
      producer.lease_nanos = input.lease_nanos;
    }
    fresh = input.number != 0 && producer.marks.Add(input.number);
    verdict.producer_mark = producer.marks.mark();
  }
  if (!fresh || input.event == nullptr || Repeats(input, &verdict)) return verdict;
  Judge(input, &verdict);
  if (!input.idempotency_key.empty()) {
    if (Call* call = calls_.Find(input.idempotency_key, Now(input))) {
      if (call->results.size() <= input.index) call->results.resize(input.index + 1);
      call->results[input.index] = verdict;
    }
  }
  return verdict;
}

bool Fold::Repeats(const Input& input, Verdict* verdict) {
  if (input.idempotency_key.empty()) return false;
  Call& call = calls_.FindOrAdd(input.idempotency_key, Now(input));
  if (call.content.empty()) call.content = std::string(input.idempotency_content);
  if (call.content != input.idempotency_content) {
    verdict->status = absl::AlreadyExistsError(
        "idempotency_key: was used within 24 h for a call with other events: choose a new key");
    return true;
  }
  if (input.index >= call.results.size()) return false;
  const Verdict& first = call.results[input.index];
  if (first.seq == 0 && first.status.ok()) return false;  // a place that was not reached
  verdict->seq = first.seq;
  verdict->status = first.status;
  return true;
}

void Fold::Judge(const Input& input, Verdict* verdict) {
  v1::ProgressEvent& event = *input.event;
  Slot* slot = jobs_.Find(event.job(), Now(input));
  const Job* known = slot == nullptr ? nullptr : slot->job.get();
  verdict->status = MayFollow(known, event, input.producer, input.commit_nanos, input.only_after);
  if (!verdict->status.ok()) return;
  if (event.has_control()) {
    if (const Request* first = RepeatedRequest(*known, event)) {
      verdict->seq = first->seq;
      return;
    }
  }
  Names names = known != nullptr ? known->names : std::make_shared<const std::vector<std::string>>(1, event.job());
  if (Names extended = Extended(*names, event)) {
    if (extended->size() - 1 > kMaxJobResources) {
      verdict->status = absl::FailedPreconditionError(
          absl::StrCat("resources: ", event.job(), " would have ", extended->size() - 1, " resources, at most ",
                       kMaxJobResources, " may be named over the life of a job"));
      return;
    }
    names = std::move(extended);
  }
  if (known != nullptr) verdict->status = CheckLabels(*known, event);
  if (!verdict->status.ok()) return;
  event.mutable_resources()->Clear();
  for (size_t i = 1; i < names->size(); ++i) event.add_resources((*names)[i]);
  // Requests and answers belong to the job, whatever attempt it is at.
  if (event.has_control() && known->state.attempt() > 1) event.set_attempt(known->state.attempt());
  event.set_seq(input.seq);
  SetCommitTime(input.commit_nanos, &event);

  Job& job = Change(slot != nullptr ? *slot : jobs_.FindOrAdd(event.job(), Now(input)));
  if (job.created == 0) job.created = input.seq;
  job.last = input.seq;
  job.names = names;
  if (ChangesWorker(input, job)) ChangeWorker(input.producer, &job);
  ApplyToRequests(event, &job);
  AddEstimates(input, &job);
  Pack(&job);
  verdict->is_event = true;
  verdict->seq = input.seq;
  verdict->names = std::move(names);
}

void Fold::AddEstimates(const Input& input, Job* job) {
  v1::ProgressEvent& event = *input.event;
  v1::ProgressEvent before;  // what is kept of an event that is folded again
  if (input.stored) MoveEstimates(&event, &before);
  contract::Reduce(event, &job->state);
  const Estimate estimate = kinds_.After(event, job->state, input.seq, input.commit_nanos, &job->course);
  if (input.stored) {
    MoveEstimates(&before, &event);
  } else {
    SetEstimates(estimate, &event);
  }
  contract::ReduceEstimates(event, &job->state);
}

Job& Fold::Change(Slot& slot) {
  if (slot.made_in != changes_) {
    slot.job = slot.job == nullptr ? std::make_shared<Job>() : std::make_shared<Job>(*slot.job);
    slot.made_in = changes_;
    changed_.push_back(slot.job);
  }
  Unpack(slot.job.get());
  return *slot.job;
}

JobChanges Fold::TakeChanges() {
  ++changes_;
  JobChanges changes{.forgotten = jobs_.TakeForgotten(), .jobs = std::exchange(changed_, {})};
  if (keep_rows_) forgotten_jobs_.insert(forgotten_jobs_.end(), changes.forgotten.begin(), changes.forgotten.end());
  return changes;
}

uint64_t Fold::ProducerMark(absl::string_view producer) const {
  const Producer* known = producers_.Peek(producer);
  return known == nullptr ? 0 : known->marks.mark();
}

bool Fold::Released(absl::string_view producer) const {
  const Producer* known = producers_.Peek(producer);
  return known != nullptr && known->released;
}

int64_t Fold::LeaseNanos(absl::string_view producer) const {
  const Producer* known = producers_.Peek(producer);
  return known == nullptr ? 0 : known->lease_nanos;
}

}  // namespace milepost::jobs
