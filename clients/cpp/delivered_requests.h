// Requests of the service, from their arrival until their DELIVERED is in the log.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "milepost/v1/event_service.pb.h"

namespace milepost::client {

// Requests that wait for their DELIVERED; past it the oldest is forgotten, and times out.
inline constexpr size_t kMaxUndeliveredRequests = 1024;

// A worker that was away may be given a request that has ended meanwhile. The service judges that by its own clock, when it
// takes or rejects DELIVERED, and who acts before that may do what nobody wants any more. Not thread-safe.
class DeliveredRequests {
 public:
  using Command = v1::PublishStreamResponse::Command;

  void Add(const Command& command) {
    waiting_.push_back(command);
    if (waiting_.size() > kMaxUndeliveredRequests) waiting_.pop_front();
  }

  // A DELIVERED was taken, or rejected: nothing waits for it from now on. Nothing if nothing did.
  std::optional<Command> Take(absl::string_view job, const v1::Control& delivered) {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Command& command) {
      return command.request() == delivered.request() && command.action() == delivered.action() && command.job() == job;
    });
    if (found == waiting_.end()) return std::nullopt;
    Command command = std::move(*found);
    waiting_.erase(found);
    return command;
  }

 private:
  std::deque<Command> waiting_;
};

}  // namespace milepost::client
