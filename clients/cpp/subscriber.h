// A reader's way to follow resources.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "clients/cpp/read_position.h"

namespace milepost::client {

struct SubscriberOptions {
  // HOST:PORT of the event service.
  std::string address = "127.0.0.1:7070";
  Subscription subscription;
  // All are called on the subscriber's own thread, one after the other; the next events are not taken from the service
  // before a call returns. `on_delivery` is required.
  std::function<void(const Delivery&)> on_delivery;
  // The stream carries, or it broke and will be opened again.
  std::function<void(bool connected, const absl::Status& why)> on_connection;
  // The service refuses for good; nothing comes any more.
  std::function<void(const absl::Status& why)> on_refused;
};

// Delivers every event of the resources once and in order, from the cursor on, over streams that it opens again, with
// growing pauses, as often as they break. Owned by the application. Thread-safe: it only has a beginning and an end.
class Subscriber {
 public:
  explicit Subscriber(SubscriberOptions options);
  // Ends it: no callback runs afterwards. Not to be called from a callback.
  ~Subscriber();

  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

 private:
  class Driver;
  std::unique_ptr<Driver> driver_;
};

}  // namespace milepost::client
