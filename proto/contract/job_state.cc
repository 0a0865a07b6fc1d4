#include "proto/contract/job_state.h"

#include <algorithm>
#include <string>

#include "absl/strings/string_view.h"

namespace milepost::contract {
namespace {

using v1::JobState;
using v1::JobStatus;
using v1::ProgressEvent;
using v1::StepState;
using v1::StepStatus;

StepState* FindStep(absl::string_view id, JobState* state) {
  for (StepState& step : *state->mutable_steps()) {
    if (step.id() == id) return &step;
  }
  return nullptr;
}

// Null if the job has as many steps as are listed.
StepState* FindOrAddStep(const std::string& id, JobState* state) {
  if (StepState* found = FindStep(id, state)) return found;
  if (state->steps_size() >= kMaxStateSteps) return nullptr;
  StepState* added = state->add_steps();
  added->set_id(id);
  return added;
}

bool StepHasEnded(const StepState& step) {
  return step.state() != StepState::STATE_UNSPECIFIED && step.state() != StepState::STARTED;
}

void SetState(JobState::State next, const ProgressEvent& event, JobState* state) {
  if (next != JobState::STALLED) state->clear_stalled_reason();
  if (next != JobState::QUEUED) state->clear_queue_position();
  if (next == JobState::RUNNING && !state->has_start_time()) *state->mutable_start_time() = event.commit_time();
  state->set_state(next);
}

// The job moved: whoever waits for that, or counted as stalled, is running now.
void Move(const ProgressEvent& event, JobState* state) {
  *state->mutable_progress_time() = event.commit_time();
  const JobState::State now = state->state();
  if (now == JobState::STATE_UNSPECIFIED || now == JobState::QUEUED || now == JobState::STALLED) {
    SetState(JobState::RUNNING, event, state);
  }
}

// Steps keep what is known of them; those that the plan leaves out stay if they were touched, without a place in the whole.
void ReplacePlan(const JobStatus& status, JobState* state) {
  google::protobuf::RepeatedPtrField<StepState> before;
  before.Swap(state->mutable_steps());
  for (const v1::PlannedStep& planned : status.steps()) {
    StepState* step = state->add_steps();
    for (StepState& known : before) {
      if (known.id() != planned.id()) continue;
      step->Swap(&known);
      break;
    }
    step->set_id(planned.id());
    step->clear_title();
    step->clear_weight();
    step->clear_parent();
    if (planned.has_title()) step->set_title(planned.title());
    if (planned.has_weight()) step->set_weight(planned.weight());
    if (planned.has_parent()) step->set_parent(planned.parent());
  }
  for (StepState& known : before) {
    if (known.id().empty() || known.state() == StepState::STATE_UNSPECIFIED) continue;
    if (state->steps_size() >= kMaxStateSteps) break;
    known.clear_parent();  // which may be gone
    known.clear_weight();  // which compares with steps of another plan
    state->add_steps()->Swap(&known);
  }
}

void ReduceStatus(const ProgressEvent& event, JobState* state) {
  const JobStatus& status = event.status();
  const bool stalled = status.state() == JobStatus::STALLED;
  // A worker that winds down may still report as it did before; only its end ends that.
  const bool winding_down = state->state() == JobState::CANCELLING && !stalled;
  if (status.state() != JobStatus::STATE_UNSPECIFIED && !winding_down) {
    // The values of the two enumerations are the same.
    SetState(static_cast<JobState::State>(status.state()), event, state);
  }
  if (status.has_message()) {
    if (stalled) {
      state->set_stalled_reason(status.message());
    } else {
      state->set_message(status.message());
    }
  }
  if (status.has_title()) state->set_title(status.title());
  if (status.has_kind()) state->set_kind(status.kind());
  if (status.has_deadline()) *state->mutable_deadline() = status.deadline();
  if (status.has_queue_position() && state->state() == JobState::QUEUED) {
    state->set_queue_position(status.queue_position());
  }
  for (const auto& [key, value] : status.labels()) (*state->mutable_labels())[key] = value;
  if (!status.steps().empty()) ReplacePlan(status, state);
}

// The step that is under way, the newest in the plan's order; none if none is.
void ChooseCurrentStep(JobState* state) {
  state->clear_step();
  for (int i = state->steps_size() - 1; i >= 0; --i) {
    if (state->steps(i).state() == StepState::STARTED) return state->set_step(state->steps(i).id());
  }
}

void ReduceStep(const ProgressEvent& event, JobState* state) {
  const StepStatus& status = event.step();
  Move(event, state);
  if (status.has_message()) state->set_message(status.message());
  StepState* step = FindOrAddStep(status.id(), state);
  if (step == nullptr) return;
  if (status.state() == StepStatus::STARTED && StepHasEnded(*step)) step->clear_fraction();
  // The values of the two enumerations are the same.
  step->set_state(static_cast<StepState::State>(status.state()));
  if (status.state() == StepStatus::DONE) step->set_fraction(1);
  if (status.state() == StepStatus::SKIPPED || status.state() == StepStatus::CACHED) step->clear_fraction();
  if (status.has_message()) step->set_message(status.message());
  if (status.state() == StepStatus::STARTED) {
    state->set_step(status.id());
  } else if (state->step() == status.id()) {
    ChooseCurrentStep(state);
  }
}

void ReduceProgress(const ProgressEvent& event, JobState* state) {
  const v1::StepProgress& progress = event.progress();
  Move(event, state);
  if (progress.has_message()) state->set_message(progress.message());
  state->set_step(progress.step());
  StepState* step = FindOrAddStep(progress.step(), state);
  if (step == nullptr) return;
  step->set_state(StepState::STARTED);
  if (progress.has_fraction()) {
    step->set_fraction(progress.fraction());
  } else if (progress.has_done() && progress.total() > 0) {
    step->set_fraction(std::min(1.0, progress.done() / progress.total()));
  }
  if (progress.has_message()) step->set_message(progress.message());
}

void AddArtifact(const v1::Artifact& artifact, JobState* state) {
  for (v1::Artifact& known : *state->mutable_artifacts()) {
    if (known.name() != artifact.name()) continue;
    known = artifact;
    return;
  }
  if (state->artifacts_size() >= kMaxStateArtifacts) state->mutable_artifacts()->DeleteSubrange(0, 1);
  *state->add_artifacts() = artifact;
}

// At most kMaxTailLineBytes, cut between characters.
absl::string_view TailLine(absl::string_view line) {
  if (line.size() <= kMaxTailLineBytes) return line;
  size_t end = kMaxTailLineBytes;
  while (end > 0 && (line[end] & 0xC0) == 0x80) --end;
  return line.substr(0, end);
}

void ReduceOutput(const v1::Output& output, JobState* state) {
  if (output.has_artifact()) return AddArtifact(output.artifact(), state);
  if (!output.has_line()) return;
  if (state->output_tail_size() >= kMaxOutputTail) state->mutable_output_tail()->DeleteSubrange(0, 1);
  state->add_output_tail(std::string(TailLine(output.line().text())));
}

void ReduceNotice(const v1::Notice& notice, JobState* state) {
  if (notice.severity() == v1::Notice::WARNING) state->set_warnings(state->warnings() + 1);
  *state->mutable_notice() = notice;
}

void End(JobState::State end, const ProgressEvent& event, JobState* state) {
  SetState(end, event, state);
  *state->mutable_end_time() = event.commit_time();
}

void ReduceEnd(const ProgressEvent& event, JobState* state) {
  if (event.has_completed()) {
    const v1::Completed& completed = event.completed();
    End(JobState::COMPLETED, event, state);
    state->clear_step();
    state->set_overall(1);
    for (const v1::Artifact& artifact : completed.artifacts()) AddArtifact(artifact, state);
    if (completed.has_output()) *state->mutable_output() = completed.output();
    if (completed.has_message()) state->set_message(completed.message());
    if (completed.has_skipped()) state->set_skipped(completed.skipped());
  } else if (event.has_failed()) {
    const v1::Failed& failed = event.failed();
    End(JobState::FAILED, event, state);
    state->mutable_error()->set_code(failed.code());
    if (failed.has_message()) {
      state->mutable_error()->set_message(failed.message());
      state->set_message(failed.message());
    }
    if (failed.has_retryable()) state->mutable_error()->set_retryable(failed.retryable());
  } else {
    End(JobState::CANCELLED, event, state);
    if (event.cancelled().has_reason()) state->set_message(event.cancelled().reason());
  }
}

void ReduceControl(const ProgressEvent& event, JobState* state) {
  if (event.control().phase() != v1::Control::HONOURED || HasEnded(state->state())) return;
  switch (event.control().action()) {
    case v1::Control::CANCEL:
      return SetState(JobState::CANCELLING, event, state);
    case v1::Control::PAUSE:
      return SetState(JobState::PAUSED, event, state);
    case v1::Control::RESUME:
      return SetState(JobState::RUNNING, event, state);
    default:
      return;
  }
}

void MergeMetadata(const google::protobuf::Struct& metadata, JobState* state) {
  for (const auto& [key, value] : metadata.fields()) (*state->mutable_metadata()->mutable_fields())[key] = value;
  if (state->metadata().ByteSizeLong() > kMaxStateMetadataBytes) *state->mutable_metadata() = metadata;
}

template <typename Message>
void CopyOrClear(const Message* from, Message* (JobState::*mutable_field)(), void (JobState::*clear)(), JobState* state) {
  if (from == nullptr) {
    (state->*clear)();
  } else {
    *(state->*mutable_field)() = *from;
  }
}

}  // namespace

bool HasEnded(JobState::State state) {
  return state == JobState::COMPLETED || state == JobState::FAILED || state == JobState::CANCELLED;
}

bool HasEndedForGood(const JobState& state) {
  return state.state() == JobState::COMPLETED || state.state() == JobState::CANCELLED ||
         (state.state() == JobState::FAILED && !state.error().retryable());
}

void BeginAttempt(uint32_t attempt, JobState* state) {
  state->set_attempt(attempt);
  state->set_state(JobState::STATE_UNSPECIFIED);
  state->clear_message();
  state->clear_overall();
  state->clear_queue_position();
  state->clear_step();
  state->clear_warnings();
  state->clear_artifacts();
  state->clear_output();
  state->clear_output_tail();
  state->clear_error();
  state->clear_skipped();
  state->clear_stalled_reason();
  state->clear_deadline();
  state->clear_start_time();
  state->clear_progress_time();
  state->clear_end_time();
  for (StepState& step : *state->mutable_steps()) {
    step.clear_state();
    step.clear_fraction();
    step.clear_message();
  }
}

void ReduceEstimates(const ProgressEvent& event, JobState* state) {
  if (event.has_overall()) state->set_overall(event.overall());
  CopyOrClear(event.has_eta() ? &event.eta() : nullptr, &JobState::mutable_eta, &JobState::clear_eta, state);
  CopyOrClear(event.has_eta_p90() ? &event.eta_p90() : nullptr, &JobState::mutable_eta_p90, &JobState::clear_eta_p90, state);
  CopyOrClear(event.has_start_eta() ? &event.start_eta() : nullptr, &JobState::mutable_start_eta, &JobState::clear_start_eta,
              state);
}

void Reduce(const ProgressEvent& event, JobState* state) {
  if (state->job().empty()) {
    state->set_job(event.job());
    state->set_kind(event.job().substr(0, event.job().find(':')));
    *state->mutable_create_time() = event.commit_time();
    state->set_attempt(AttemptOf(event));
  } else if (!event.has_control() && AttemptOf(event) > state->attempt()) {
    BeginAttempt(AttemptOf(event), state);
  }
  *state->mutable_resources() = event.resources();
  *state->mutable_update_time() = event.commit_time();
  if (event.has_metadata()) MergeMetadata(event.metadata(), state);
  switch (event.event_case()) {
    case ProgressEvent::kStatus:
      ReduceStatus(event, state);
      break;
    case ProgressEvent::kStep:
      ReduceStep(event, state);
      break;
    case ProgressEvent::kProgress:
      ReduceProgress(event, state);
      break;
    case ProgressEvent::kNotice:
      ReduceNotice(event.notice(), state);
      break;
    case ProgressEvent::kOutput:
      ReduceOutput(event.output(), state);
      break;
    case ProgressEvent::kCompleted:
    case ProgressEvent::kFailed:
    case ProgressEvent::kCancelled:
      ReduceEnd(event, state);
      break;
    case ProgressEvent::kControl:
      ReduceControl(event, state);
      break;
    case ProgressEvent::kCustom:
    case ProgressEvent::EVENT_NOT_SET:
      break;
  }
  ReduceEstimates(event, state);
}

}  // namespace milepost::contract
