#include "services/rpc/keep_awake.h"

#include <utility>

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

namespace milepost::rpc {

struct KeepAwake::Call {
  grpc::ClientContext context;
  grpc::GenericStub stub;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
};

KeepAwake::KeepAwake(std::shared_ptr<grpc::Channel> channel) : channel_(std::move(channel)) {}

KeepAwake::~KeepAwake() {
  std::unique_lock lock(mutex_);
  if (call_ != nullptr) call_->context.TryCancel();
  idle_.wait(lock, [this] { return call_ == nullptr; });
}

void KeepAwake::Ping() {
  Call* call = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (call_ != nullptr) return;
    // An empty HealthCheckRequest asks for the server as a whole.
    const grpc::Slice empty("");
    call_ = std::unique_ptr<Call>(new Call{.stub = grpc::GenericStub(channel_), .request = grpc::ByteBuffer(&empty, 1)});
    call = call_.get();
  }
  call->stub.UnaryCall(&call->context, "/grpc.health.v1.Health/Check", {}, &call->request, &call->response,
                       [this](grpc::Status) {
                         const std::lock_guard lock(mutex_);
                         call_.reset();       // before the waiter goes on: the last holder of the channel is not to be
                                              // one of gRPC's threads, which would wait for itself
                         idle_.notify_all();  // under the lock: the waiter destroys the condition
                       });
}

}  // namespace milepost::rpc
