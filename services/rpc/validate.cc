#include "services/rpc/validate.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/unknown_field_set.h"
#include "proto/contract/event_name.h"
#include "proto/contract/job_state.h"
#include "proto/contract/resource.h"
#include "services/rpc/utf8.h"

namespace milepost::rpc {
namespace {

using v1::ProgressEvent;

// Years 1 to 9999, which is what JSON can say.
constexpr int64_t kMinSeconds = -62'135'596'800;
constexpr int64_t kMaxSeconds = 253'402'300'799;

// Collects the first fault. Every check is skipped after it.
class Checker {
 public:
  absl::Status status() && { return std::move(status_); }
  bool ok() const { return status_.ok(); }

  template <typename... Words>
  void Fail(absl::string_view field, const Words&... words) {
    if (ok()) status_ = absl::InvalidArgumentError(absl::StrCat(field, ": ", words...));
  }

  void Take(absl::Status status) {
    if (ok()) status_ = std::move(status);
  }

  // A name: `min` to `max` bytes and no control character.
  void Name(absl::string_view field, absl::string_view name, size_t min, size_t max) {
    if (name.size() < min) return Fail(field, "is empty, at least ", min, " byte is needed");
    if (name.size() > max) return Fail(field, "has ", name.size(), " bytes, at most ", max, " are allowed");
    for (const char c : name) {
      if (!absl::ascii_iscntrl(c)) continue;
      return Fail(field, contract::Quoted(name), " holds a control character (U+0000 to U+001F, U+007F)");
    }
  }

  void Length(absl::string_view field, const std::string& text, size_t max) {
    if (text.size() > max) Fail(field, "has ", text.size(), " bytes, at most ", max, " are allowed");
  }

  // Small facts beside something.
  void Metadata(absl::string_view field, const google::protobuf::Struct& metadata) {
    const size_t size = metadata.ByteSizeLong();
    if (size > kMaxMetadataBytes) Fail(field, "has ", size, " bytes, at most ", kMaxMetadataBytes, " are allowed");
    Data(field, metadata);
  }

  void NotNegative(absl::string_view field, double value) {
    if (!std::isfinite(value) || value < 0) Fail(field, value, " is out of range: it must be finite, 0 or more");
  }

  void Fraction(absl::string_view field, double value) {
    if (!std::isfinite(value) || value < 0 || value > 1) {
      Fail(field, value, " is out of range: it must be finite, 0 to 1");
    }
  }

  void Time(absl::string_view field, const google::protobuf::Timestamp& time) {
    if (time.seconds() < kMinSeconds || time.seconds() > kMaxSeconds || time.nanos() < 0 || time.nanos() > 999'999'999) {
      Fail(field, "is out of range: years 1 to 9999, nanos 0 to 999999999");
    }
  }

  // What cannot be said in JSON must not get in: a number that is not finite, a value that is nothing.
  void Data(absl::string_view field, const google::protobuf::Struct& data, size_t depth = 1) {
    if (!DepthOk(field, depth)) return;
    for (const auto& [key, value] : data.fields()) Data(field, value, depth);
  }

 private:
  bool DepthOk(absl::string_view field, size_t depth) {
    if (depth > kMaxStructDepth) Fail(field, "is nested deeper than ", kMaxStructDepth, " levels");
    return ok();
  }

  void Data(absl::string_view field, const google::protobuf::Value& value, size_t depth) {
    switch (value.kind_case()) {
      case google::protobuf::Value::kNumberValue:
        if (!std::isfinite(value.number_value())) Fail(field, "holds a number that is not finite");
        break;
      case google::protobuf::Value::kStructValue:
        Data(field, value.struct_value(), depth + 1);
        break;
      case google::protobuf::Value::kListValue:
        if (!DepthOk(field, depth + 1)) return;
        for (const auto& item : value.list_value().values()) Data(field, item, depth + 1);
        break;
      case google::protobuf::Value::KIND_NOT_SET:
        Fail(field, "holds a value without a kind: use null_value");
        break;
      default:
        break;
    }
  }

  absl::Status status_;
};

// "steps[3].id"; made only for items, so that the common event costs no string.
std::string Item(absl::string_view list, size_t index, absl::string_view member = "") {
  return absl::StrCat(list, "[", index, "]", member);
}

const google::protobuf::UnknownFieldSet& Unknown(const google::protobuf::Message& message) {
  return message.GetReflection()->GetUnknownFields(message);
}

void CheckNames(const ProgressEvent& event, Checker* check) {
  check->Take(contract::ValidateResource(event.job(), "job"));
  for (int i = 0; check->ok() && i < event.resources_size(); ++i) {
    check->Take(contract::ValidateResource(event.resources(i), Item("resources", i)));
  }
  if (static_cast<size_t>(event.resources_size()) <= kMaxEventResources || !check->ok()) return;
  absl::flat_hash_set<absl::string_view> different(event.resources().begin(), event.resources().end());
  different.erase(event.job());
  if (different.size() > kMaxEventResources) {
    check->Fail("resources", different.size(), " names, at most ", kMaxEventResources, " are allowed for a job");
  }
}

void CheckCommon(const ProgressEvent& event, Checker* check) {
  if (event.has_time()) check->Time("time", event.time());
  if (event.has_attempt() && (event.attempt() == 0 || event.attempt() > contract::kMaxAttempt)) {
    check->Fail("attempt", "is ", event.attempt(), ": attempts count from 1 to ", contract::kMaxAttempt);
  }
  check->Name("correlation_id", event.correlation_id(), 0, kMaxNameBytes);
  check->Name("traceparent", event.traceparent(), 0, kMaxNameBytes);
  if (event.has_metadata()) check->Metadata("metadata", event.metadata());
}

void CheckPlan(const v1::JobStatus& status, Checker* check) {
  if (static_cast<size_t>(status.steps_size()) > kMaxPlannedSteps) {
    return check->Fail("status.steps", status.steps_size(), " steps, at most ", kMaxPlannedSteps, " are allowed");
  }
  absl::flat_hash_map<absl::string_view, const v1::PlannedStep*> by_id;
  for (int i = 0; i < status.steps_size(); ++i) {
    const v1::PlannedStep& step = status.steps(i);
    check->Name(Item("status.steps", i, ".id"), step.id(), 1, kMaxStepIdBytes);
    if (step.has_weight()) check->NotNegative(Item("status.steps", i, ".weight"), step.weight());
    if (!by_id.emplace(step.id(), &step).second) {
      check->Fail(Item("status.steps", i, ".id"), contract::Quoted(step.id()), " is in the plan twice");
    }
  }
  for (int i = 0; check->ok() && i < status.steps_size(); ++i) {
    if (!status.steps(i).has_parent()) continue;
    const std::string field = Item("status.steps", i, ".parent");
    const auto parent = by_id.find(status.steps(i).parent());
    if (parent == by_id.end()) return check->Fail(field, contract::Quoted(status.steps(i).parent()), " is no step of the plan");
    if (parent->second->has_parent() || parent->second == &status.steps(i)) {
      return check->Fail(field, "steps nest one level deep: the parent must have no parent");
    }
  }
}

void CheckStatus(const v1::JobStatus& status, Checker* check) {
  if (status.state() == v1::JobStatus::STALLED) {
    check->Fail("status.state", "STALLED is set by the service only: send WAITING or RUNNING");
  }
  if (status.has_kind() && !contract::IsKind(status.kind())) {
    check->Fail("status.kind", contract::Quoted(status.kind()), " must match [a-z][a-z0-9_-]{0,31}");
  }
  if (status.has_deadline()) check->Time("status.deadline", status.deadline());
  if (status.has_queue_position() && status.state() != v1::JobStatus::QUEUED &&
      status.state() != v1::JobStatus::STATE_UNSPECIFIED) {
    check->Fail("status.queue_position", "goes with QUEUED only");
  }
  if (static_cast<size_t>(status.labels_size()) > kMaxLabels) {
    check->Fail("status.labels", status.labels_size(), " pairs, at most ", kMaxLabels, " are allowed");
  }
  for (const auto& [key, value] : status.labels()) {
    check->Name("status.labels key", key, 1, kMaxLabelKeyBytes);
    check->Name("status.labels value", value, 0, kMaxLabelValueBytes);
  }
  CheckPlan(status, check);
}

void CheckStep(const v1::StepStatus& step, Checker* check) {
  check->Name("step.id", step.id(), 1, kMaxStepIdBytes);
  check->Length("step.message", step.message(), kMaxStepMessageBytes);
  if (step.state() == v1::StepStatus::STATE_UNSPECIFIED) {
    check->Fail("step.state", "is required: STARTED, DONE, SKIPPED, CACHED or FAILED");
  }
}

void CheckProgress(const v1::StepProgress& progress, Checker* check) {
  check->Name("progress.step", progress.step(), 1, kMaxStepIdBytes);
  check->Length("progress.message", progress.message(), kMaxStepMessageBytes);
  if (progress.has_fraction()) check->Fraction("progress.fraction", progress.fraction());
  if (progress.has_done()) check->NotNegative("progress.done", progress.done());
  if (progress.has_total()) check->NotNegative("progress.total", progress.total());
  check->Name("progress.unit", progress.unit(), 0, kMaxUnitBytes);
}

void CheckArtifact(const v1::Artifact& artifact, absl::string_view field, Checker* check) {
  check->Name(absl::StrCat(field, ".name"), artifact.name(), 1, kMaxArtifactNameBytes);
  check->Name(absl::StrCat(field, ".uri"), artifact.uri(), 0, kMaxUriBytes);
  check->Name(absl::StrCat(field, ".media_type"), artifact.media_type(), 0, kMaxMediaTypeBytes);
  if (artifact.has_metadata()) check->Metadata(absl::StrCat(field, ".metadata"), artifact.metadata());
}

void CheckOutput(const v1::Output& output, Checker* check) {
  switch (output.output_case()) {
    case v1::Output::kLine:
      return check->Name("output.line.stream", output.line().stream(), 0, kMaxCodeBytes);
    case v1::Output::kArtifact:
      return CheckArtifact(output.artifact(), "output.artifact", check);
    case v1::Output::OUTPUT_NOT_SET:
      if (Unknown(output).empty()) check->Fail("output", "is empty: set line, chunk or artifact");
      return;
    default:
      return;
  }
}

void CheckNotice(const v1::Notice& notice, Checker* check) {
  check->Name("notice.code", notice.code(), 0, kMaxCodeBytes);
  if (notice.has_content()) check->Data("notice.content", notice.content());
}

void CheckCompleted(const v1::Completed& completed, Checker* check) {
  for (int i = 0; i < completed.artifacts_size(); ++i) {
    CheckArtifact(completed.artifacts(i), Item("completed.artifacts", i), check);
  }
  if (completed.has_output()) check->Data("completed.output", completed.output());
}

bool IsFailureCode(absl::string_view code) {
  return !code.empty() && code.size() <= 64 && absl::ascii_isupper(code[0]) &&
         std::all_of(code.begin(), code.end(),
                     [](char c) { return absl::ascii_isupper(c) || absl::ascii_isdigit(c) || c == '_'; });
}

void CheckFailed(const v1::Failed& failed, Checker* check) {
  if (!IsFailureCode(failed.code())) {
    check->Fail("failed.code", contract::Quoted(failed.code()),
                " must match [A-Z][A-Z0-9_]{0,63}, for example VALIDATION, PROVIDER or INTERNAL");
  }
  if (failed.has_details()) check->Data("failed.details", failed.details());
}

void CheckControl(const v1::Control& control, Checker* check) {
  if (control.action() == v1::Control::ACTION_UNSPECIFIED) {
    check->Fail("control.action", "is required: CANCEL, PAUSE, RESUME or RETRY");
  }
  if (control.phase() != v1::Control::DELIVERED && control.phase() != v1::Control::HONOURED &&
      control.phase() != v1::Control::REFUSED) {
    check->Fail("control.phase", "a worker answers with DELIVERED, HONOURED or REFUSED; the service writes the other phases");
  }
  if (control.request() == 0) check->Fail("control.request", "is required: the sequence of the REQUESTED event");
  check->Name("control.actor", control.actor(), 0, kMaxActorBytes);
  if (control.has_deadline()) check->Fail("control.deadline", "belongs to requests: leave it out of an answer");
}

void CheckCustom(const v1::Custom& custom, Checker* check) {
  check->Take(contract::ValidateCustomName(custom.name(), "custom.name"));
  if (custom.has_payload()) check->Data("custom.payload", custom.payload());
}

// True if there may be a kind of event in there that this build does not know.
bool MayHaveUnknownKind(const ProgressEvent& event) {
  const auto& fields = Unknown(event);
  for (int i = 0; i < fields.field_count(); ++i) {
    if (fields.field(i).type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) return true;
  }
  return false;
}

void CheckKind(const ProgressEvent& event, Checker* check) {
  switch (event.event_case()) {
    case ProgressEvent::kStatus:
      return CheckStatus(event.status(), check);
    case ProgressEvent::kStep:
      return CheckStep(event.step(), check);
    case ProgressEvent::kProgress:
      return CheckProgress(event.progress(), check);
    case ProgressEvent::kNotice:
      return CheckNotice(event.notice(), check);
    case ProgressEvent::kOutput:
      return CheckOutput(event.output(), check);
    case ProgressEvent::kCompleted:
      return CheckCompleted(event.completed(), check);
    case ProgressEvent::kFailed:
      return CheckFailed(event.failed(), check);
    case ProgressEvent::kCancelled:
      return check->Name("cancelled.actor", event.cancelled().actor(), 0, kMaxActorBytes);
    case ProgressEvent::kControl:
      return CheckControl(event.control(), check);
    case ProgressEvent::kCustom:
      return CheckCustom(event.custom(), check);
    case ProgressEvent::EVENT_NOT_SET:
      if (!MayHaveUnknownKind(event)) {
        check->Fail("event", "has no kind: set one of status, step, progress, notice, output, completed, failed, "
                             "cancelled, control, custom");
      }
      return;
  }
}

}  // namespace

absl::Status ValidateEvent(const ProgressEvent& event) {
  Checker check;
  CheckNames(event, &check);
  CheckCommon(event, &check);
  CheckKind(event, &check);
  return std::move(check).status();
}

absl::StatusOr<std::unique_ptr<ProgressEvent>> ParseEvent(absl::string_view bytes) {
  if (bytes.size() > kMaxEventBytes) {
    return absl::InvalidArgumentError(absl::StrCat("event: has ", bytes.size(), " bytes, at most ", kMaxEventBytes,
                                                   " are allowed: put large data behind the `uri` of an artifact"));
  }
  auto event = std::make_unique<ProgressEvent>();
  if (!event->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError(ExplainParseFailure(ProgressEvent::descriptor(), bytes));
  }
  event->clear_seq();
  event->clear_commit_time();
  event->clear_overall();
  event->clear_eta();
  event->clear_eta_p90();
  event->clear_start_eta();
  if (absl::Status status = ValidateEvent(*event); !status.ok()) return status;
  return event;
}

}  // namespace milepost::rpc
