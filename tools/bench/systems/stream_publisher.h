// Publishes to milepost-eventd over one PublishStream.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tools/bench/systems/system.h"

namespace milepost::bench {

// A worker without its SDK: numbers its events, keeps within the credit, counts the acks. One batch for each
// call of Publish. `address` is "HOST:PORT". Fails if the service does not answer `hello` within 10 s.
absl::StatusOr<std::unique_ptr<Publisher>> OpenStreamPublisher(const std::string& address);

}  // namespace milepost::bench
