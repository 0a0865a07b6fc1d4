// PublishStreamReactor: one worker's stream.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "milepost/v1/event_service.pb.h"
#include "services/rpc/context.h"
#include "services/rpc/envelope.pb.h"

namespace milepost::rpc {

// A monotonic clock, in nanoseconds from some time on.
int64_t SteadyNanos();

// Reads batches, appends what is valid, and tells the producer the cumulative ack. Acks that gather while a write
// is under way leave as one.
//
// Lives from Start until OnDone, and beyond while an append is under way: it owns itself, and the log's callback
// owns it too. Reactions and callbacks run on any thread, also at the same time; mutex_ guards the state and is
// never held while gRPC or the log is called. Whoever sets busy_ may write or finish, and nobody else, so nothing is
// started on a call that is over.
class PublishStreamReactor : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                             public Stream,
                             public std::enable_shared_from_this<PublishStreamReactor> {
 public:
  static PublishStreamReactor* Start(const Context* context, grpc::CallbackServerContext* call);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void Tick(int64_t now_nanos) override;
  void Drain() override;

  // Hands a request over to the worker.
  void Send(const v1::PublishStreamResponse::Command& command);
  // Tells the worker that a job of its was declared lost.
  void Send(const v1::PublishStreamResponse::Lost& lost);

  // When something was last heard on this stream, by SteadyNanos.
  int64_t heard_at() const { return heard_at_.load(std::memory_order_relaxed); }

  // Reads nothing more; ends with `status` when what was read is answered.
  void End(absl::Status status);

 private:
  PublishStreamReactor(const Context* context, grpc::CallbackServerContext* call) : context_(context), call_(call) {}

  absl::Status Handle();
  absl::Status HandleHello(const std::string& bytes);
  absl::Status HandleBatch(const envelope::PublishStreamRequest::Batch& batch);
  absl::Status CheckBatch(uint64_t first, uint64_t count);
  void Append(const envelope::PublishStreamRequest::Batch& batch);
  void OnAppended(const std::vector<v1::PublishStreamResponse::Rejection>& invalid, uint64_t first, size_t bytes,
                  const std::vector<log::Outcome>& outcomes);
  void OnMark(const log::Outcome& outcome);
  // Merges words of the service into the next answer.
  void Tell(const v1::PublishStreamResponse& words);
  void Reject(uint64_t number, const absl::Status& status);
  void Pump();
  // Both want mutex_ to be held.
  bool MayRead() const;
  bool TakeReply();

  const Context* const context_;
  grpc::CallbackServerContext* const call_;
  std::shared_ptr<PublishStreamReactor> self_;  // until OnDone

  // Touched by the reading reaction only, of which there is one at a time:
  grpc::ByteBuffer read_;
  bool greeted_ = false;
  bool numbered_ = false;  // the stream had a first event
  int64_t lease_nanos_ = 0;  // 0: the default
  std::atomic<int64_t> heard_at_{SteadyNanos()};

  // Owned by whoever has set busy_:
  grpc::ByteBuffer write_;

  std::mutex mutex_;
  // Guarded by mutex_:
  std::string producer_;             // empty before hello
  uint64_t acked_ = 0;
  v1::PublishStreamResponse reply_;  // what is to be told next
  bool reply_due_ = false;
  bool read_paused_ = false;         // no read is under way until MayRead
  size_t in_flight_bytes_ = 0;       // of events that are being appended
  bool asking_ = false;              // the hello waits for the log
  size_t in_flight_ = 0;             // appends, and the hello, that are not answered
  bool busy_ = false;                // a write is under way, or the call is finished
  bool cancelled_ = false;
  bool half_closed_ = false;         // by the producer
  std::optional<absl::Status> end_;  // how to end when all is answered
  int64_t write_started_nanos_ = 0;  // 0: no write is under way
};

}  // namespace milepost::rpc
