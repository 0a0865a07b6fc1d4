#include "proto/poller/one_poller.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include <grpc/support/cpu.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

namespace milepost::poller {
namespace {

// Calls that fail at once; where their reactions ran.
std::set<std::thread::id> ThreadsOfReactions(int calls) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::set<std::thread::id> threads;
    int ended = 0;
  } shared;
  // Never destroyed: with its last channel gRPC stops its threads.
  static const auto& channel =
      *new std::shared_ptr<grpc::Channel>(grpc::CreateChannel("unix:", grpc::InsecureChannelCredentials()));
  grpc::GenericStub stub(channel);
  for (int i = 0; i < calls; ++i) {
    auto context = std::make_shared<grpc::ClientContext>();
    auto buffers = std::make_shared<std::pair<grpc::ByteBuffer, grpc::ByteBuffer>>();
    const grpc::Slice nothing;
    buffers->first = grpc::ByteBuffer(&nothing, 1);
    stub.UnaryCall(context.get(), "/a/b", {}, &buffers->first, &buffers->second,
                   [&shared, context, buffers](grpc::Status) {
                     const std::lock_guard lock(shared.mutex);
                     shared.threads.insert(std::this_thread::get_id());
                     ++shared.ended;
                     shared.changed.notify_all();
                   });
  }
  std::unique_lock lock(shared.mutex);
  const bool all = shared.changed.wait_for(lock, std::chrono::seconds(30), [&] { return shared.ended == calls; });
  EXPECT_TRUE(all) << shared.ended << " of " << calls << " calls ended";
  if (!all) std::abort();  // the reactions still point to what is here
  return shared.threads;
}

TEST(OnePollerTest, ReactionsOfASmallMachineRunOnOneThreadWhileItLives) {
  if (gpr_cpu_num_cores() > OnePoller::kMaxCores) {
    EXPECT_EQ(OnePoller().held(), 0);
    return;
  }
  std::optional<OnePoller> one_poller(std::in_place);
  EXPECT_EQ(one_poller->held(), 1);
  for (int round = 0; round < 20; ++round) EXPECT_EQ(ThreadsOfReactions(50).size(), 1u);
  one_poller.reset();
  EXPECT_GE(ThreadsOfReactions(50).size(), 1u);
}

TEST(OnePollerTest, CanBeMadeAgain) {
  for (int i = 0; i < 3; ++i) {
    const OnePoller one_poller;
    EXPECT_GE(ThreadsOfReactions(10).size(), 1u);
  }
}

}  // namespace
}  // namespace milepost::poller
