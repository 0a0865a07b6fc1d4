#include "services/jobs/rules.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"

namespace milepost::jobs {

using v1::Control;
using v1::JobState;
using v1::ProgressEvent;

bool IsSilent(const JobState& state) {
  return state.state() == JobState::STALLED && !absl::StartsWith(state.stalled_reason(), kNoProgress);
}

bool IsLost(const JobState& state) { return state.state() == JobState::FAILED && state.error().code() == kWorkerLost; }

namespace {

std::string Lower(const std::string& name) { return absl::AsciiStrToLower(name); }

bool IsEnd(const ProgressEvent& event) { return event.has_completed() || event.has_failed() || event.has_cancelled(); }

// What moves a job or changes its state; the rest may come after the end too.
bool MovesJob(const ProgressEvent& event) {
  return event.has_status() || event.has_step() || event.has_progress() || IsEnd(event);
}

absl::Status Refuse(const absl::AlphaNum& a, const absl::AlphaNum& b = "", const absl::AlphaNum& c = "",
                    const absl::AlphaNum& d = "") {
  return absl::FailedPreconditionError(absl::StrCat(a, b, c, d));
}

const Request* FindRequest(const Job& job, uint64_t seq) {
  const auto it = std::find_if(job.requests.begin(), job.requests.end(), [seq](const Request& r) { return r.seq == seq; });
  return it == job.requests.end() ? nullptr : &*it;
}

absl::Status MayAsk(const Job* job, const Control& control) {
  if (job == nullptr) return absl::NotFoundError("job: no such job");
  const JobState::State state = job->state.state();
  const std::string action = Lower(Control::Action_Name(control.action()));
  if (control.action() == Control::RETRY) {
    if (state == JobState::FAILED || state == JobState::CANCELLED) return absl::OkStatus();
    return Refuse("retry: ", job->name(), " is ", Lower(JobState::State_Name(state)) + ": only a failed or cancelled job is run again");
  }
  if (state == JobState::CANCELLING && control.action() != Control::CANCEL) {
    return Refuse(action, ": ", job->name(), " is cancelling");
  }
  const bool to_be_cancelled = std::any_of(job->requests.begin(), job->requests.end(), [](const Request& r) {
    return r.action == Control::CANCEL;
  });
  if (to_be_cancelled && control.action() != Control::CANCEL) {
    return Refuse(action, ": ", job->name(), " was asked to cancel");
  }
  if (!contract::HasEnded(state)) return absl::OkStatus();
  return Refuse(action, ": ", job->name(), " has ended: it is " + Lower(JobState::State_Name(state)));
}

bool WasDelivered(const Request& request, const Control& control) {
  return control.phase() == Control::DELIVERED && request.phase == Control::DELIVERED;
}

absl::Status MayAnswer(const Job* job, const Control& control, absl::string_view producer, int64_t commit_nanos) {
  const Request* request = job == nullptr ? nullptr : FindRequest(*job, control.request());
  if (request == nullptr || !request->open()) {
    return Refuse("control.request: ", control.request(), " is not open: it was answered, timed out or never made");
  }
  if (!producer.empty() && producer != job->producer) {
    return Refuse("control.request: ", control.request(), " is for the worker that publishes for ", job->name());
  }
  // The service itself has no stream: it ends what nobody answered in time.
  if (!producer.empty() && commit_nanos >= request->deadline_nanos) {
    return Refuse("control.request: ", control.request(), " was not answered by its deadline");
  }
  const bool winds_down = job->state.state() == JobState::CANCELLING && control.phase() == Control::HONOURED;
  if (winds_down && (control.action() == Control::PAUSE || control.action() == Control::RESUME)) {
    return Refuse("control.phase: ", job->name(), " is cancelling");
  }
  if (request->action != control.action()) {
    return Refuse("control.action: request ", control.request(), " asked for ", Control::Action_Name(request->action));
  }
  if (producer.empty() && WasDelivered(*request, control)) {
    return Refuse("control.phase: request ", control.request(), " was delivered already");
  }
  return absl::OkStatus();
}

// A job that stood still may turn out to have lost its worker; the other way round a silent worker says it all.
bool StallsAgain(const JobState& state, const v1::JobStatus& status) {
  return absl::StartsWith(state.stalled_reason(), kNoProgress) && !absl::StartsWith(status.message(), kNoProgress);
}

// What to do for whoever wants to run the job once more.
std::string AnotherRun(const JobState& state) {
  if (state.state() == JobState::COMPLETED || state.attempt() >= contract::kMaxAttempt) return "; another run needs another name";
  return absl::StrCat("; another run is attempt ", state.attempt() + 1);
}

// A worker that was replaced while it was silent may not know of it, and would take the attempt of who works on the job
// now. It may come back where nobody does: the job is queued, or its worker is silent in its turn.
bool MaySpeak(const Job& job, absl::string_view producer) {
  if (producer.empty() || job.state.state() == JobState::QUEUED || IsSilent(job.state)) return true;
  return producer == job.producer || std::find(job.replaced.begin(), job.replaced.end(), producer) == job.replaced.end();
}

absl::Status MayFollowInAttempt(const Job& job, const ProgressEvent& event, absl::string_view producer) {
  const uint32_t attempt = contract::AttemptOf(event), newest = job.state.attempt();
  const bool ended = contract::HasEnded(job.state.state());
  if (attempt < newest) {
    return Refuse("attempt: ", attempt, " is over: ", absl::StrCat(job.name(), " is at attempt ", newest, AnotherRun(job.state)));
  }
  if (attempt > newest) {
    if (job.state.state() != JobState::COMPLETED) return absl::OkStatus();
    return Refuse("attempt: ", job.name(), " is completed: no attempt follows", AnotherRun(job.state));
  }
  if (ended && MovesJob(event)) {
    return Refuse(job.name(), " has ended: attempt ", attempt,
                  absl::StrCat(" is ", Lower(JobState::State_Name(job.state.state())), AnotherRun(job.state)));
  }
  if (attempt == newest && !MaySpeak(job, producer)) {
    return Refuse("attempt: ", job.name(), " has another worker: attempt ", absl::StrCat(attempt, " went on while this one was silent"));
  }
  const bool stalls = event.has_status() && event.status().state() == v1::JobStatus::STALLED;
  if (stalls && job.state.state() == JobState::STALLED && !StallsAgain(job.state, event.status())) {
    return Refuse("status.state: ", job.name(), " is stalled already");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MayFollow(const Job* job, const ProgressEvent& event, absl::string_view producer, int64_t commit_nanos,
                       uint64_t only_after) {
  if (only_after != 0 && job != nullptr && job->last > only_after) return Refuse(job->name(), " has moved on");
  if (event.has_control()) {
    // Requests and answers belong to the job; they neither need nor begin an attempt.
    if (event.control().phase() == Control::REQUESTED) return MayAsk(job, event.control());
    return MayAnswer(job, event.control(), producer, commit_nanos);
  }
  return job == nullptr ? absl::OkStatus() : MayFollowInAttempt(*job, event, producer);
}

const Request* RepeatedRequest(const Job& job, const ProgressEvent& event) {
  if (event.control().phase() != Control::REQUESTED) {
    const Request* request = FindRequest(job, event.control().request());
    return request != nullptr && WasDelivered(*request, event.control()) ? request : nullptr;
  }
  for (const Request& request : job.requests) {
    if (request.action == event.control().action() && !request.superseded) return &request;
  }
  return nullptr;
}

void ApplyToRequests(const ProgressEvent& event, Job* job) {
  const bool stalls = event.has_status() && event.status().state() == v1::JobStatus::STALLED;
  if (stalls && job->state.state() != JobState::STALLED) job->before_stall = job->state.state();
  // What a worker would still have to do in an attempt that is over; open requests are ended by events of their own.
  const auto drop_honoured = [&] {
    job->requests.erase(std::remove_if(job->requests.begin(), job->requests.end(), [](const Request& r) { return !r.open(); }),
                        job->requests.end());
  };
  if (IsEnd(event) || contract::AttemptOf(event) > job->state.attempt()) drop_honoured();
  if (!event.has_control()) return;
  const Control& control = event.control();
  if (control.phase() == Control::REQUESTED) {
    if (control.action() == Control::CANCEL) {
      for (Request& other : job->requests) {
        if (other.action == Control::PAUSE || other.action == Control::RESUME) other.superseded = true;
      }
    }
    Request& request = job->requests.emplace_back();
    request.seq = event.seq();
    request.action = control.action();
    request.phase = Control::REQUESTED;
    request.deadline_nanos = control.deadline().seconds() * 1'000'000'000 + control.deadline().nanos();
    request.reason = control.reason();
    return;
  }
  const auto it = std::find_if(job->requests.begin(), job->requests.end(),
                               [&](const Request& r) { return r.seq == control.request(); });
  if (it == job->requests.end()) return;
  const bool winds_down = control.action() == Control::CANCEL && control.phase() == Control::HONOURED &&
                          !contract::HasEnded(job->state.state());
  if (control.phase() == Control::DELIVERED || winds_down) {
    it->phase = control.phase();
  } else {
    job->requests.erase(it);
  }
}

}  // namespace milepost::jobs
