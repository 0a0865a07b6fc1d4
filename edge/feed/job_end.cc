#include "edge/feed/job_end.h"

#include "proto/contract/job_state.h"

namespace milepost::edge::feed {

JobEnd EndOf(const v1::ProgressEvent& event) {
  switch (event.event_case()) {
    case v1::ProgressEvent::kCompleted:
    case v1::ProgressEvent::kCancelled:
      return JobEnd::kFinal;
    case v1::ProgressEvent::kFailed:
      return event.failed().retryable() ? JobEnd::kRetryable : JobEnd::kFinal;
    default:
      return JobEnd::kNone;
  }
}

JobEnd EndOf(const v1::JobState& state) {
  if (contract::HasEndedForGood(state)) return JobEnd::kFinal;
  return contract::HasEnded(state.state()) ? JobEnd::kRetryable : JobEnd::kNone;
}

}  // namespace milepost::edge::feed
