// The unary Read: one page of past events, and snapshots.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "services/rpc/context.h"

namespace milepost::rpc {

// Answers `response`, if need be after the log has reached `at_least`. Called by gRPC; never blocks.
grpc::ServerUnaryReactor* HandleRead(const Context* context, grpc::CallbackServerContext* call,
                                     const grpc::ByteBuffer& request, grpc::ByteBuffer* response);

}  // namespace milepost::rpc
