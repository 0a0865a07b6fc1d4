#include "proto/poller/one_poller.h"

#include <memory>

#include <grpc/support/cpu.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>

namespace milepost::poller {
namespace {

// How many threads gRPC 1.51 starts on machines with at most kMaxCores: half the cores, and never fewer than two.
constexpr int kPool = 2;

// Never destroyed: with its last channel gRPC stops its threads, and here that could be one of them.
const std::shared_ptr<grpc::Channel>& DeadChannel() {
  static const auto& channel =
      *new std::shared_ptr<grpc::Channel>(grpc::CreateChannel("unix:", grpc::InsecureChannelCredentials()));
  return channel;
}

// Ends at once with an error, on one of gRPC's threads: its address is none.
struct FailingCall {
  grpc::Slice nothing;
  grpc::ClientContext context;
  grpc::GenericStub stub{DeadChannel()};
  grpc::ByteBuffer request{&nothing, 1};
  grpc::ByteBuffer response;
};

}  // namespace

OnePoller::OnePoller() {
  if (gpr_cpu_num_cores() > kMaxCores) return;
  wanted_ = kPool - 1;
  for (int i = 0; i < wanted_; ++i) {
    auto call = std::make_shared<FailingCall>();
    call->stub.UnaryCall(&call->context, "/milepost.Hold/Hold", {}, &call->request, &call->response,
                         [this, call](grpc::Status) { Hold(); });
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return inside_ == wanted_; });
}

OnePoller::~OnePoller() {
  std::unique_lock lock(mutex_);
  released_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return inside_ == 0; });
}

void OnePoller::Hold() {
  std::unique_lock lock(mutex_);
  ++inside_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return released_; });
  --inside_;
  changed_.notify_all();  // under the lock: the waiter destroys the condition
}

}  // namespace milepost::poller
