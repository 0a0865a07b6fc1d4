// Requests of the service that a producer has been given already.
#pragma once

#include <cstddef>
#include <deque>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "milepost/v1/event_service.pb.h"

namespace milepost::client {

// Requests that are remembered; past it the one that was seen longest ago is forgotten.
inline constexpr size_t kMaxSeenRequests = 1024;

// The service gives a request again after a reconnect; whoever acts on it is to see it once. Not thread-safe.
class SeenRequests {
 public:
  // True: it is new, and from now on it is not.
  bool Add(const v1::PublishStreamResponse::Command& command) {
    // A log that begins anew counts from 1 again, so the number alone is not enough.
    const auto [place, added] = seen_.emplace(command.request(), command.job(), command.action());
    if (!added) return false;
    order_.push_back(place);
    if (order_.size() > kMaxSeenRequests) {
      seen_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }

 private:
  using Key = std::tuple<uint64_t, std::string, v1::Control::Action>;

  std::set<Key> seen_;
  std::deque<std::set<Key>::iterator> order_;
};

}  // namespace milepost::client
