// What `milepost run` does about a request of the service.
#pragma once

#include "absl/strings/string_view.h"
#include "milepost/v1/event.pb.h"

namespace milepost::tool {

// How the command stands.
enum class CommandState {
  kRunning,
  kPaused,   // stopped on request
  kEnding,   // was asked to end
  kGone,     // ended; its output is still copied
  kWaiting,  // ended, not well; may be run again
};

enum class Deed { kRefuse, kEnd, kPause, kResume, kRunAgain };

struct Verdict {
  Deed deed = Deed::kRefuse;
  absl::string_view reason;  // of a refusal, for people
};

// A pure function; safe from any thread.
Verdict Judge(v1::Control::Action action, CommandState state);

}  // namespace milepost::tool
