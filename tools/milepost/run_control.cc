#include "tools/milepost/run_control.h"

namespace milepost::tool {
namespace {

// Why a command that is to be paused or resumed cannot be; empty: it runs or is paused.
absl::string_view NotAlive(CommandState state) {
  switch (state) {
    case CommandState::kEnding:
      return "the command was asked to end";
    case CommandState::kGone:
    case CommandState::kWaiting:
      return "the command has ended";
    case CommandState::kRunning:
    case CommandState::kPaused:
      break;
  }
  return "";
}

Verdict DoOrRefuse(Deed deed, absl::string_view refusal) {
  return refusal.empty() ? Verdict{.deed = deed} : Verdict{.reason = refusal};
}

}  // namespace

Verdict Judge(v1::Control::Action action, CommandState state) {
  switch (action) {
    case v1::Control::CANCEL:
      return DoOrRefuse(Deed::kEnd, state == CommandState::kEnding ? "" : NotAlive(state));
    case v1::Control::PAUSE:
      return DoOrRefuse(Deed::kPause, state == CommandState::kPaused ? "the command is paused already" : NotAlive(state));
    case v1::Control::RESUME:
      return DoOrRefuse(Deed::kResume, state == CommandState::kRunning ? "the command is not paused" : NotAlive(state));
    case v1::Control::RETRY:
      if (state == CommandState::kWaiting) return {.deed = Deed::kRunAgain};
      return {.reason = state == CommandState::kGone ? "the command is just ending" : "the command is still running"};
    default:
      return {.reason = "milepost run does not know this action"};
  }
}

}  // namespace milepost::tool
