#include "tools/milepost/run_report.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tools/milepost/subcommands.h"
#include "tools/milepost/text.h"

namespace milepost::tool {

void RunReport::Begin() {
  v1::ProgressEvent event = NewEvent();
  for (const std::string& resource : options_.resources) event.add_resources(resource);
  event.mutable_status()->set_state(v1::JobStatus::RUNNING);
  if (!options_.title.empty()) event.mutable_status()->set_title(Clean(options_.title, kMaxTitleBytes));
  if (!options_.kind.empty()) event.mutable_status()->set_kind(options_.kind);
  sink_(std::move(event));
}

void RunReport::Output(absl::string_view name, absl::string_view bytes, Time now) {
  Stream& stream = StreamOf(name);
  stream.text.Feed(bytes, [&](const Piece& piece) { TakePiece(stream, piece, now); });
  stream.changed = now;
  TellLines(now);
}

void RunReport::Tick(Time now) {
  for (Stream& stream : streams_) {
    // A tool that draws and then works leaves its word without an end.
    if (!stream.changed || now - *stream.changed < kProgressInterval) continue;
    stream.changed.reset();
    if (!stream.text.unfinished().empty()) TakeProgress(stream.text.unfinished(), now);
  }
  for (Step& step : steps_) {
    if (step.waiting && now - *step.told >= kProgressInterval) TellProgress(step, now);
  }
  TellLines(now);
}

void RunReport::Cancelling(absl::string_view message) {
  v1::ProgressEvent event = NewEvent();
  event.mutable_status()->set_state(v1::JobStatus::CANCELLING);
  event.mutable_status()->set_message(std::string(message));
  sink_(std::move(event));
}

void RunReport::Control(const v1::Control& control) {
  v1::ProgressEvent event = NewEvent();
  *event.mutable_control() = control;
  sink_(std::move(event));
}

void RunReport::End(const RunOutcome& outcome, Time now) {
  for (Stream& stream : streams_) {
    stream.text.Finish([&](const Piece& piece) { TakePiece(stream, piece, now); });
  }
  lines_told_.reset();
  TellLines(now);
  for (Step& step : steps_) {
    if (step.waiting) TellProgress(step, now);
  }
  CloseSteps(outcome);

  v1::ProgressEvent event = NewEvent();
  if (outcome.interrupted) {
    event.mutable_cancelled();
    if (!outcome.reason.empty()) event.mutable_cancelled()->set_reason(outcome.reason);
  } else if (outcome.how == RunOutcome::How::kExited && outcome.number == 0) {
    event.mutable_completed();
  } else {
    v1::Failed& failed = *event.mutable_failed();
    failed.set_code(outcome.how == RunOutcome::How::kExited   ? "EXIT_CODE"
                    : outcome.how == RunOutcome::How::kKilled ? "KILLED"
                                                              : "NOT_STARTED");
    failed.set_message(Describe(outcome));
    failed.set_retryable(options_.retryable);
    (*failed.mutable_details()->mutable_fields())["exitStatus"].set_number_value(ExitStatus(outcome));
  }
  sink_(std::move(event));
}

void RunReport::Again() {
  attempt_ = attempt() + 1;
  detector_ = Detector();
  streams_.clear();
  steps_.clear();
  newest_step_.clear();
  lines_.clear();
  lines_told_.reset();
  v1::ProgressEvent event = NewEvent();
  event.mutable_status()->set_state(v1::JobStatus::QUEUED);
  sink_(std::move(event));
}

RunReport::Stream& RunReport::StreamOf(absl::string_view name) {
  for (Stream& stream : streams_) {
    if (stream.name == name) return stream;
  }
  return streams_.emplace_back(Stream{.name = std::string(name)});
}

void RunReport::TakePiece(Stream& stream, const Piece& piece, Time now) {
  TakeProgress(piece.text, now);
  if (!options_.output || !piece.ends_line || piece.text.empty()) return;
  // The text is cleaned only if it goes out: most lines of a fast command do not.
  if (lines_.size() == kMaxLinesAtOnce) lines_.pop_front();
  lines_.push_back({stream.name, std::string(piece.text)});
}

void RunReport::TakeProgress(absl::string_view piece, Time now) {
  std::optional<StepUpdate> update = detector_.Feed(piece);
  if (!update) return;
  Step* step = nullptr;
  for (Step& known : steps_) {
    if (known.id == update->step) step = &known;
  }
  if (update->begins) {
    for (Step& earlier : steps_) {
      if (!earlier.open || !earlier.whole) continue;
      if (earlier.waiting) TellProgress(earlier, now);
      TellStep(earlier.id, v1::StepStatus::DONE);
      earlier.open = false;
    }
    if (step == nullptr) step = &steps_.emplace_back(Step{.id = update->step});
    *step = Step{.id = update->step};
    TellStep(step->id, v1::StepStatus::STARTED);
  }
  if (step == nullptr) return;
  newest_step_ = step->id;
  const Reading& reading = update->reading;
  step->whole = step->whole || reading.fraction == 1.0 || (reading.done && reading.total && *reading.done >= *reading.total);
  step->waiting = std::move(update->reading);
  if (!step->told || now - *step->told >= kProgressInterval) TellProgress(*step, now);
}

void RunReport::TellStep(const std::string& id, v1::StepStatus::State state) {
  v1::ProgressEvent event = NewEvent();
  event.mutable_step()->set_id(id);
  event.mutable_step()->set_state(state);
  sink_(std::move(event));
}

void RunReport::TellProgress(Step& step, Time now) {
  const Reading reading = *std::exchange(step.waiting, std::nullopt);
  step.told = now;
  v1::ProgressEvent event = NewEvent();
  v1::StepProgress& progress = *event.mutable_progress();
  progress.set_step(step.id);
  if (reading.fraction) progress.set_fraction(*reading.fraction);
  if (reading.done) progress.set_done(*reading.done);
  if (reading.total) progress.set_total(*reading.total);
  if (!reading.unit.empty()) progress.set_unit(CutBytes(ReplaceInvalidUtf8(reading.unit), 32));
  if (!reading.message.empty()) progress.set_message(Clean(reading.message, kMaxMessageBytes));
  sink_(std::move(event));
}

void RunReport::TellLines(Time now) {
  if (lines_.empty() || (lines_told_ && now - *lines_told_ < kOutputInterval)) return;
  lines_told_ = now;
  for (const Line& line : std::exchange(lines_, {})) {
    v1::ProgressEvent event = NewEvent();
    event.mutable_output()->mutable_line()->set_stream(line.stream);
    event.mutable_output()->mutable_line()->set_text(Clean(line.text, kMaxLineBytes));
    sink_(std::move(event));
  }
}

// On success every step is done. Otherwise the one that moved last is where it went wrong.
void RunReport::CloseSteps(const RunOutcome& outcome) {
  const bool success = !outcome.interrupted && outcome.how == RunOutcome::How::kExited && outcome.number == 0;
  for (Step& step : steps_) {
    if (!step.open) continue;
    if (success || (step.whole && (step.id != newest_step_ || outcome.interrupted))) {
      TellStep(step.id, v1::StepStatus::DONE);
    } else if (!outcome.interrupted) {
      TellStep(step.id, v1::StepStatus::FAILED);
    }
  }
}

v1::ProgressEvent RunReport::NewEvent() const {
  v1::ProgressEvent event;
  event.set_job(options_.job);
  if (attempt_) event.set_attempt(*attempt_);
  return event;
}

// Redacted before it is cut, so that a cut leaves no half of a secret.
std::string RunReport::Clean(absl::string_view text, size_t max_bytes) const {
  std::string clean = ReplaceInvalidUtf8(text);
  for (const auto& pattern : options_.redact) RE2::GlobalReplace(&clean, *pattern, "***");
  return CutBytes(clean, max_bytes);
}

std::string KindOfProgram(absl::string_view program) {
  constexpr size_t kMaxKindBytes = 32;
  program.remove_prefix(program.rfind('/') + 1);
  std::string kind;
  for (const char c : program) {
    const char lower = absl::ascii_tolower(c);
    if (kind.empty() && !absl::ascii_islower(lower)) continue;  // it begins with a letter
    kind += absl::ascii_isalnum(lower) || lower == '_' ? lower : '-';
    if (kind.size() == kMaxKindBytes) break;
  }
  return kind;
}

std::string Describe(const RunOutcome& outcome) {
  switch (outcome.how) {
    case RunOutcome::How::kExited:
      return absl::StrCat("exit code ", outcome.number);
    case RunOutcome::How::kKilled: {
      const char* name = sigabbrev_np(outcome.number);
      return name != nullptr ? absl::StrCat("killed by SIG", name) : absl::StrCat("killed by signal ", outcome.number);
    }
    case RunOutcome::How::kNotStarted:
      return absl::StrCat("cannot start the command: ", std::strerror(outcome.number));
  }
  return "";
}

int ExitStatus(const RunOutcome& outcome) {
  if (outcome.requested) return kExitCancelled;
  switch (outcome.how) {
    case RunOutcome::How::kExited:
      return outcome.number;
    case RunOutcome::How::kKilled:
      return 128 + outcome.number;
    case RunOutcome::How::kNotStarted:
      return outcome.number == ENOENT ? 127 : 126;
  }
  return 1;
}

}  // namespace milepost::tool
