// What became of a request, from the job's events.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "milepost/v1/event.pb.h"

namespace milepost::tool {

// Requests of one job whose newest word is kept; past it the oldest request is forgotten.
inline constexpr size_t kMaxWatchedRequests = 64;

// Is told every event of a job, also before it is known which request is waited for. Not thread-safe.
class RequestWatch {
 public:
  void Take(const v1::ProgressEvent& event);

  // The newest word on the request; absent: none yet.
  std::optional<v1::Control> NewsOf(uint64_t request) const;

 private:
  std::map<uint64_t, v1::Control> newest_;  // by request
};

// True for HONOURED, REFUSED and TIMED_OUT: nothing comes after it.
bool IsLast(v1::Control::Phase phase);

// "cancel", "pause", …
std::string ActionText(v1::Control::Action action);
// "cancel was honoured", "pause was refused: …".
std::string ControlText(const v1::Control& control);

}  // namespace milepost::tool
