// The one rim between gRPC and this room.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"

namespace milepost::client {

// A channel of its own for long streams: notices a dead peer within half a minute, tries a fallen service again within a
// second, takes little ahead of its reader, and leaves retrying to its user.
std::shared_ptr<grpc::Channel> NewChannel(const std::string& address);

absl::Status ToAbsl(const grpc::Status& status);

}  // namespace milepost::client
