// The producer's side of PublishStream, without the stream.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "clients/cpp/delivered_requests.h"
#include "clients/cpp/lost_jobs.h"
#include "clients/cpp/seen_requests.h"
#include "clients/cpp/spool.h"
#include "milepost/v1/event_service.pb.h"

namespace milepost::client {

// The service's word for how much it takes until it says otherwise (contract: event_service.proto).
inline constexpr uint32_t kDefaultCredit = 1024;
// Rejections that are kept for a report; of the rest only the number.
inline constexpr size_t kMaxRejectionsKept = 16;

// Is told what happened on the stream and answers what to write next. Lives as long as the producer, over many
// streams. Not thread-safe: it belongs to an Outbox.
class PublishSession {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  struct Options {
    std::string producer_id;                   // 128 random bits, new for every life of a process
    Duration lease = std::chrono::seconds(30);  // renewed at a third of it
    SpoolLimits limits;
  };

  explicit PublishSession(Options options) : options_(std::move(options)), spool_(options_.limits) {}

  // An event to send. False: it can never be sent, and is counted as rejected.
  bool Add(v1::ProgressEvent event);

  // A new stream was begun, or the stream is gone.
  void OnConnected();
  void OnDisconnected();
  void OnResponse(const v1::PublishStreamResponse& response);

  // What to write now. False: nothing. To be asked again after every change and at `renewal`.
  bool NextRequest(Time now, v1::PublishStreamRequest* request);
  // When an empty batch is due; far away while there is no stream.
  Time renewal() const;

  // Every event is safe or was given up.
  bool drained() const { return spool_.empty(); }
  // The service answered on this stream.
  bool open() const { return state_ == State::kOpen; }

  const Spool& spool() const { return spool_; }
  uint64_t rejected() const { return rejected_; }
  const std::vector<std::string>& rejections() const { return rejections_; }
  // Requests of the service since the last call, each once however often it was given.
  std::vector<v1::PublishStreamResponse::Command> TakeCommands() { return std::exchange(commands_, {}); }
  // Those of them whose DELIVERED, which the application published, is in the log since the last call: the request was open
  // then. One that had ended is not among them.
  std::vector<v1::PublishStreamResponse::Command> TakeDelivered() { return std::exchange(delivered_, {}); }
  // Jobs that this producer lost, since the last call. If it was not replaced, what is published for such an attempt from
  // then on, and what was not sent yet, goes out as the attempt after it.
  std::vector<v1::PublishStreamResponse::Lost> TakeLost() { return std::exchange(lost_, {}); }

 private:
  enum class State {
    kDisconnected,
    kConnected,  // hello is to be sent
    kGreeted,    // what the service knows of this producer is to come; sending now could repeat it needlessly
    kOpen,
  };

  void Reject(std::string message);
  void TakeRejection(const v1::PublishStreamResponse::Rejection& rejection);
  // Looks at what is about to be acked by `response`.
  void TakeDeliveries(const v1::PublishStreamResponse& response);
  // Sets the attempt under which the event is to go out.
  void GoOn(v1::ProgressEvent* event) const;

  const Options options_;
  Spool spool_;
  State state_ = State::kDisconnected;
  uint32_t credit_ = kDefaultCredit;
  Time written_{};
  uint64_t rejected_ = 0;
  std::vector<std::string> rejections_;
  SeenRequests seen_requests_;
  std::vector<v1::PublishStreamResponse::Command> commands_;
  DeliveredRequests undelivered_;
  std::vector<v1::PublishStreamResponse::Command> delivered_;
  LostJobs lost_jobs_;
  std::vector<v1::PublishStreamResponse::Lost> lost_;
};

}  // namespace milepost::client
