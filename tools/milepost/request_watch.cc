#include "tools/milepost/request_watch.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace milepost::tool {

void RequestWatch::Take(const v1::ProgressEvent& event) {
  if (!event.has_control() || !event.control().has_request()) return;
  v1::Control& newest = newest_[event.control().request()];
  if (!IsLast(newest.phase())) newest = event.control();
  if (newest_.size() > kMaxWatchedRequests) newest_.erase(newest_.begin());
}

std::optional<v1::Control> RequestWatch::NewsOf(uint64_t request) const {
  const auto found = newest_.find(request);
  return found == newest_.end() ? std::nullopt : std::optional<v1::Control>(found->second);
}

bool IsLast(v1::Control::Phase phase) {
  return phase == v1::Control::HONOURED || phase == v1::Control::REFUSED || phase == v1::Control::TIMED_OUT;
}

std::string ActionText(v1::Control::Action action) { return absl::AsciiStrToLower(v1::Control::Action_Name(action)); }

std::string ControlText(const v1::Control& control) {
  const auto told = [&](absl::string_view what) {
    return absl::StrCat(ActionText(control.action()), " ", what, control.has_reason() ? ": " : "", control.reason());
  };
  switch (control.phase()) {
    case v1::Control::REQUESTED:
      return told("was requested");
    case v1::Control::DELIVERED:
      return told("has reached the worker");
    case v1::Control::HONOURED:
      return told("was honoured");
    case v1::Control::REFUSED:
      return told("was refused");
    case v1::Control::TIMED_OUT:
      return told("timed out");
    default:
      return told("is under way");
  }
}

}  // namespace milepost::tool
