// The names under which readers see events: SSE's `event:` and the values of `types=`.
//
// Pure functions; safe from any thread.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "milepost/v1/event.pb.h"

namespace milepost::contract {

// The name of an event, for example "step-progress"; a custom's own name; "unknown" for a kind that this
// build does not know. Points into `event` or into static memory.
absl::string_view EventName(const v1::ProgressEvent& event);

// True for [a-z][a-z0-9-]{0,63}: what may stand in `types=`.
bool IsEventName(absl::string_view name);

// OK if a worker may call a custom event so. Otherwise INVALID_ARGUMENT; the message begins with `field`.
// Refused are the names of Milepost's own events and stream frames, and those of EventSource itself.
absl::Status ValidateCustomName(absl::string_view name, absl::string_view field);

}  // namespace milepost::contract
