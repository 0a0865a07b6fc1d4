// What must hold for an event before it may travel in a batch with others. Pure; safe from any thread.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "milepost/v1/event.pb.h"

namespace milepost::client {

// As the service has it.
inline constexpr size_t kMaxEventBytes = 64 * 1024;

// The service answers for the rest of the rules, event by event. These two it cannot: a message with a string that is
// not UTF-8 or that is too large cannot be read at all, and with it all others in the batch would be lost.
// INVALID_ARGUMENT names the field and the limit.
absl::Status CheckEvent(const v1::ProgressEvent& event);

}  // namespace milepost::client
