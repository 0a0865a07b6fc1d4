#include "proto/contract/event_name.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/contract/resource.h"

namespace milepost::contract {
namespace {

constexpr std::array<absl::string_view, 19> kReservedNames = {
    "job-status",    "step-status",   "step-progress", "notice",    "warning",  "job-error", "output",
    "job-completed", "job-failed",    "job-cancelled", "job-control", "unknown",
    "connected",     "snapshot",      "reset",         "goodbye",   "heartbeat",
    // A native EventSource fires its own events under these names. "message" is refused below with them.
    "error",         "open",
};

absl::string_view NoticeName(v1::Notice::Severity severity) {
  switch (severity) {
    case v1::Notice::WARNING:
      return "warning";
    case v1::Notice::ERROR:
      return "job-error";
    default:
      return "notice";
  }
}

}  // namespace

absl::string_view EventName(const v1::ProgressEvent& event) {
  switch (event.event_case()) {
    case v1::ProgressEvent::kStatus:
      return "job-status";
    case v1::ProgressEvent::kStep:
      return "step-status";
    case v1::ProgressEvent::kProgress:
      return "step-progress";
    case v1::ProgressEvent::kNotice:
      return NoticeName(event.notice().severity());
    case v1::ProgressEvent::kOutput:
      return "output";
    case v1::ProgressEvent::kCompleted:
      return "job-completed";
    case v1::ProgressEvent::kFailed:
      return "job-failed";
    case v1::ProgressEvent::kCancelled:
      return "job-cancelled";
    case v1::ProgressEvent::kControl:
      return "job-control";
    case v1::ProgressEvent::kCustom:
      return event.custom().name();
    case v1::ProgressEvent::EVENT_NOT_SET:
      break;
  }
  return "unknown";
}

bool IsEventName(absl::string_view name) {
  if (name.empty() || name.size() > 64 || !absl::ascii_islower(name[0])) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  });
}

absl::Status ValidateCustomName(absl::string_view name, absl::string_view field) {
  if (!IsEventName(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": ", Quoted(name), " is no event name: it must match [a-z][a-z0-9-]{0,63}"));
  }
  if (name == "message" || std::find(kReservedNames.begin(), kReservedNames.end(), name) != kReservedNames.end()) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": ", Quoted(name), " is a reserved name: choose another"));
  }
  return absl::OkStatus();
}

}  // namespace milepost::contract
