// The unary Publish: a few events at once.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "services/rpc/context.h"

namespace milepost::rpc {

// Answers `response` when the events are in the log. Called by gRPC; never blocks.
grpc::ServerUnaryReactor* HandlePublish(const Context* context, grpc::CallbackServerContext* call,
                                        const grpc::ByteBuffer& request, grpc::ByteBuffer* response);

}  // namespace milepost::rpc
