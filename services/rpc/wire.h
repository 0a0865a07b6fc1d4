// Between bytes on the wire, messages and statuses; the rim at which absl::Status becomes grpc::Status.
//
// Pure functions; safe from any thread.
#pragma once

#include <span>
#include <string>

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "services/history/stored_event.h"

namespace milepost::rpc {

grpc::Status ToGrpc(const absl::Status& status);

// Reads `message` from `buffer`; INVALID_ARGUMENT that names the bad field.
absl::Status Parse(const grpc::ByteBuffer& buffer, google::protobuf::Message* message);

grpc::ByteBuffer Serialize(const google::protobuf::Message& message);

// A message that is `rest` and, as its repeated field `field`, `events`. The events are not encoded again: the
// concatenation of encoded messages is their merge.
grpc::ByteBuffer WithEvents(const google::protobuf::Message& rest, int field,
                            std::span<const history::EventPtr> events);

// OK if all names are resources or patterns and there are at most `max` of them.
absl::Status ValidateNames(std::span<const std::string> names, size_t max, absl::string_view field);

}  // namespace milepost::rpc
