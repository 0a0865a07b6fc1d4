// The unary UpdateSubscription: changes what a running subscription carries.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "services/rpc/context.h"

namespace milepost::rpc {

// Answers at once; the stream itself tells where the change took effect. Called by gRPC; never blocks.
grpc::ServerUnaryReactor* HandleUpdateSubscription(const Context* context, grpc::CallbackServerContext* call,
                                                   const grpc::ByteBuffer& request, grpc::ByteBuffer* response);

}  // namespace milepost::rpc
