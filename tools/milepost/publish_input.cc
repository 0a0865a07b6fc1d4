#include "tools/milepost/publish_input.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/resource.h"
#include "tools/milepost/text.h"

namespace milepost::tool {
namespace {

absl::Status Invalid(absl::string_view sentence) { return absl::InvalidArgumentError(sentence); }

absl::Status FromJson(absl::string_view json, google::protobuf::Message* message) {
  const auto status = google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, message);
  if (status.ok()) return absl::OkStatus();
  // The parser shows where it stopped in lines of their own, which may hold anything.
  const std::string why(status.message().data(), status.message().size());
  const absl::string_view first = absl::string_view(why).substr(0, why.find('\n'));
  constexpr size_t kMaxReasonBytes = 200;
  return Invalid(absl::StrCat("not an event in JSON: ", CutBytes(ReplaceInvalidUtf8(first), kMaxReasonBytes)));
}

absl::Status SetStatus(const EventFlags& flags, v1::JobStatus* status) {
  if (flags.state) {
    v1::JobStatus::State state;
    if (!v1::JobStatus::State_Parse(absl::AsciiStrToUpper(*flags.state), &state) || state == v1::JobStatus::STATE_UNSPECIFIED) {
      return Invalid(absl::StrCat("--state: ", contract::Quoted(*flags.state), " is not QUEUED, RUNNING, WAITING, PAUSED or CANCELLING"));
    }
    status->set_state(state);
  }
  if (flags.title) status->set_title(*flags.title);
  if (flags.kind) status->set_kind(*flags.kind);
  if (flags.message) status->set_message(*flags.message);
  return absl::OkStatus();
}

absl::Status SetStep(const EventFlags& flags, v1::StepStatus* step) {
  v1::StepStatus::State state;
  if (!v1::StepStatus::State_Parse(absl::AsciiStrToUpper(*flags.state), &state) || state == v1::StepStatus::STATE_UNSPECIFIED) {
    return Invalid(absl::StrCat("--state: ", contract::Quoted(*flags.state), " is not, for a step, STARTED, DONE, SKIPPED, CACHED or FAILED"));
  }
  step->set_id(*flags.step);
  step->set_state(state);
  if (flags.message) step->set_message(*flags.message);
  return absl::OkStatus();
}

void SetProgress(const EventFlags& flags, v1::StepProgress* progress) {
  progress->set_step(*flags.step);
  if (flags.fraction) progress->set_fraction(*flags.fraction);
  if (flags.done) progress->set_done(*flags.done);
  if (flags.total) progress->set_total(*flags.total);
  if (flags.unit) progress->set_unit(*flags.unit);
  if (flags.message) progress->set_message(*flags.message);
}

absl::Status SetArtifacts(const EventFlags& flags, v1::ProgressEvent* event) {
  for (const std::string& given : flags.artifacts) {
    const size_t equals = given.find('=');
    if (equals == std::string::npos || equals == 0) return Invalid(absl::StrCat("--artifact: ", contract::Quoted(given), " is not NAME=URI"));
    v1::Artifact& artifact = flags.completed ? *event->mutable_completed()->add_artifacts() : *event->mutable_output()->mutable_artifact();
    artifact.set_name(given.substr(0, equals));
    artifact.set_uri(given.substr(equals + 1));
  }
  return absl::OkStatus();
}

// The flags of which each makes an event of its own.
std::vector<std::string> Kinds(const EventFlags& flags) {
  std::vector<std::string> kinds;
  const auto add = [&](bool given, const char* name) {
    if (given) kinds.push_back(name);
  };
  add(flags.completed, "--completed");
  add(flags.failed.has_value(), "--failed");
  add(flags.cancelled, "--cancelled");
  add(flags.notice.has_value(), "--notice");
  add(flags.warning.has_value(), "--warning");
  add(flags.error.has_value(), "--error");
  add(flags.line.has_value(), "--line");
  add(flags.step.has_value(), "--step");
  add(!flags.artifacts.empty() && !flags.completed, "--artifact");
  return kinds;
}

absl::Status CheckTogether(const EventFlags& flags) {
  const std::vector<std::string> kinds = Kinds(flags);
  if (kinds.size() > 1) return Invalid(absl::StrCat(absl::StrJoin(kinds, " and "), " are events of their own: publish one at a time"));
  if (!flags.step && (flags.fraction || flags.done || flags.total || flags.unit)) {
    return Invalid("--fraction, --done, --total and --unit need --step: which step is it?");
  }
  if (flags.step && flags.state && (flags.fraction || flags.done || flags.total)) {
    return Invalid("--state and --fraction, --done or --total of a step are events of their own: publish one at a time");
  }
  if (!kinds.empty() && (flags.title || flags.kind)) return Invalid(absl::StrCat("--title and --kind do not go with ", kinds[0]));
  if (!kinds.empty() && flags.state && !flags.step) return Invalid(absl::StrCat("--state does not go with ", kinds[0]));
  if (flags.artifacts.size() > 1 && !flags.completed) return Invalid("--artifact: one at a time, or all with --completed");
  if (flags.retryable && !flags.failed) return Invalid("--retryable needs --failed");
  return absl::OkStatus();
}

}  // namespace

void EventFlags::AddTo(FlagSet* set) {
  set->String("job", &job, "NAME", "the job, kind:id, for example job:42");
  set->Strings("resource", &resources, "NAME", "who else gets the job's events from now on, kind:id; may be repeated");
  set->Integer("attempt", &attempt, "N", "which try of the job this is (default: 1)");
  set->String("state", &state, "STATE", "QUEUED, RUNNING, WAITING, PAUSED, CANCELLING; with --step STARTED, DONE, SKIPPED, CACHED, FAILED");
  set->String("title", &title, "TEXT", "what the job is called");
  set->String("kind", &kind, "KIND", "what sort of job it is (default: the kind in its name)");
  set->String("message", &message, "TEXT", "what to tell people");
  set->String("step", &step, "ID", "the step that moved, with --fraction or --done, or changed, with --state");
  set->Number("fraction", &fraction, "0..1", "how much of the step is done");
  set->Number("done", &done, "N", "how many units of the step are done");
  set->Number("total", &total, "N", "how many units the step has");
  set->String("unit", &unit, "UNIT", "what is counted, for example frames");
  set->Switch("completed", &completed, "the job ended well");
  set->String("failed", &failed, "CODE", "the attempt failed: INTERNAL, PROVIDER, … or a code of your own, [A-Z][A-Z0-9_]*");
  set->Switch("retryable", &retryable, "with --failed: another attempt may succeed");
  set->Switch("cancelled", &cancelled, "the attempt was ended on request; --message says why");
  set->String("notice", &notice, "TEXT", "something to tell people");
  set->String("warning", &warning, "TEXT", "something to warn people of");
  set->String("error", &error, "TEXT", "something went wrong, but the job goes on");
  set->String("line", &line, "TEXT", "a line of output");
  set->Strings("artifact", &artifacts, "NAME=URI", "a result; with --completed it may be repeated");
  set->String("metadata", &metadata, "JSON", "small facts as a JSON object");
  set->String("correlation-id", &correlation_id, "ID", "ties the event to requests and logs of other systems");
}

bool EventFlags::SaysWhat() const {
  return !Kinds(*this).empty() || state || title || kind || message || unit || fraction || done || total || metadata || retryable;
}

absl::StatusOr<v1::ProgressEvent> EventFromFlags(const EventFlags& flags) {
  if (flags.job.empty()) return Invalid("--job is missing: which job is it, for example --job=job:42?");
  if (absl::Status status = contract::ValidateResource(flags.job, "--job"); !status.ok()) return status;
  for (const std::string& resource : flags.resources) {
    if (absl::Status status = contract::ValidateResource(resource, "--resource"); !status.ok()) return status;
  }
  absl::Status status = CheckTogether(flags);
  v1::ProgressEvent event;
  event.set_job(flags.job);
  for (const std::string& resource : flags.resources) event.add_resources(resource);
  if (flags.attempt) event.set_attempt(*flags.attempt);
  if (flags.correlation_id) event.set_correlation_id(*flags.correlation_id);
  if (status.ok() && flags.metadata) {
    status = FromJson(*flags.metadata, event.mutable_metadata());
    if (!status.ok()) status = Invalid(absl::StrCat("--metadata: not a JSON object"));
  }
  if (!status.ok()) return status;

  if (flags.completed) {
    event.mutable_completed();
    if (flags.message) event.mutable_completed()->set_message(*flags.message);
  } else if (flags.failed) {
    event.mutable_failed()->set_code(*flags.failed);
    if (flags.message) event.mutable_failed()->set_message(*flags.message);
    if (flags.retryable) event.mutable_failed()->set_retryable(true);
  } else if (flags.cancelled) {
    event.mutable_cancelled();
    if (flags.message) event.mutable_cancelled()->set_reason(*flags.message);
  } else if (flags.notice || flags.warning || flags.error) {
    v1::Notice& notice = *event.mutable_notice();
    notice.set_severity(flags.notice ? v1::Notice::INFO : flags.warning ? v1::Notice::WARNING : v1::Notice::ERROR);
    notice.set_text(flags.notice ? *flags.notice : flags.warning ? *flags.warning : *flags.error);
  } else if (flags.line) {
    event.mutable_output()->mutable_line()->set_text(*flags.line);
  } else if (flags.step && flags.state) {
    status = SetStep(flags, event.mutable_step());
  } else if (flags.step) {
    SetProgress(flags, event.mutable_progress());
  } else if (flags.artifacts.empty()) {
    status = SetStatus(flags, event.mutable_status());
  }
  if (status.ok()) status = SetArtifacts(flags, &event);
  if (!status.ok()) return status;
  return event;
}

absl::StatusOr<v1::ProgressEvent> EventFromJson(absl::string_view line) {
  if (line.size() > kMaxInputLineBytes) {
    return Invalid(absl::StrCat("longer than ", kMaxInputLineBytes, " bytes; put large data elsewhere and send the uri of an artifact"));
  }
  // The parser of JSON would take such bytes and leave the string empty.
  if (!IsValidUtf8(line)) return Invalid("not valid UTF-8");
  v1::ProgressEvent event;
  if (absl::Status status = FromJson(line, &event); !status.ok()) return status;
  return event;
}

}  // namespace milepost::tool
