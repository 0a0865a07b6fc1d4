// SubscribeReactor: one reader's stream.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "milepost/v1/event_service.pb.h"
#include "services/hub/subscription.h"
#include "services/rpc/context.h"
#include "services/rpc/snapshots.h"

namespace milepost::rpc {

// Moves what a subscription has ready to the wire, one write at a time. What comes while a write is under way
// gathers in the subscription and leaves in one message.
//
// Lives from Start until OnDone: it owns itself. Reactions, wakes and housekeeping run on any thread, also at the
// same time; mutex_ guards the state and is never held while gRPC or the hub is called. Whoever sets busy_ may take,
// write or finish, and nobody else, so nothing is started on a call that is over.
class SubscribeReactor : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                         public Stream,
                         public std::enable_shared_from_this<SubscribeReactor> {
 public:
  static SubscribeReactor* Start(const Context* context, grpc::CallbackServerContext* call,
                                 const grpc::ByteBuffer& request);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void Tick(int64_t now_nanos) override;
  void Drain() override;

 private:
  SubscribeReactor(const Context* context, grpc::CallbackServerContext* call) : context_(context), call_(call) {}

  absl::Status Open(const grpc::ByteBuffer& request);
  void End(absl::Status status);
  void Wake();
  void Pump();
  void Work(bool may_block);
  bool FillWrite();
  void BeginSnapshots(v1::SubscribeResponse first);
  void FillWithSnapshots();

  const Context* const context_;
  grpc::CallbackServerContext* const call_;
  std::shared_ptr<SubscribeReactor> self_;  // until OnDone
  std::shared_ptr<hub::Subscription> subscription_;  // set before the first Pump, never changed

  // Owned by whoever has set busy_:
  grpc::ByteBuffer write_;
  v1::SubscribeResponse first_;         // what the next message begins with; empty: nothing
  std::optional<Snapshots> snapshots_;  // that are to be told before any event

  std::mutex mutex_;
  // Guarded by mutex_:
  bool busy_ = false;
  bool again_ = false;  // a wake came while busy
  bool finished_ = false;
  std::optional<absl::Status> end_;
  int64_t write_started_nanos_ = 0;  // 0: no write is under way
  Pacer::Clock::time_point next_write_;  // not before this, unless the last write's end finds something to write
};

}  // namespace milepost::rpc
