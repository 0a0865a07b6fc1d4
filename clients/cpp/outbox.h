// The place where the threads of a producer meet.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "clients/cpp/publish_session.h"

namespace milepost::client {

// What became of all events of a producer.
struct ProducerReport {
  uint64_t acked = 0;       // safe, or rejected by the service
  uint64_t rejected = 0;    // refused for good, here or by the service
  uint64_t dropped = 0;     // given up for lack of room
  uint64_t unsettled = 0;   // the producer ended before the service answered
  std::vector<std::string> rejections;  // the first few, as the service put it
  bool answered = false;    // the service was there at least once
  absl::Status status;      // why there is no connection, or why the producer gave up; OK: connected
};

// A PublishSession behind a mutex: any thread adds events and never waits for more than that mutex; one driver, with
// the stream, asks for what to write and sleeps in Wait. Thread-safe by `mutex_`; nothing is called while it is held.
class Outbox {
 public:
  using Time = PublishSession::Time;

  explicit Outbox(PublishSession::Options options) : session_(std::move(options)) {}

  void Add(v1::ProgressEvent event);

  // The driver's side.
  void OnConnected();
  void OnDisconnected(absl::Status status);
  void OnResponse(const v1::PublishStreamResponse& response);
  bool NextRequest(Time now, v1::PublishStreamRequest* request);
  std::vector<v1::PublishStreamResponse::Command> TakeCommands();
  std::vector<v1::PublishStreamResponse::Command> TakeDelivered();
  std::vector<v1::PublishStreamResponse::Lost> TakeLost();
  // Sleeps until something changed, a renewal is due or `until`.
  void Wait(Time until);
  // Ends Wait.
  void Wake();
  // No later event can be sent: what waits will not be settled, and WaitUntilDrained need not wait.
  void GiveUp(absl::Status status);

  // Waits until every event is settled. False: `until` came first, or the driver gave up.
  bool WaitUntilDrained(Time until);
  bool drained() const;
  bool open() const;
  ProducerReport Report() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;  // for the driver
  std::condition_variable drained_;  // for those who wait for the end
  // Guarded by mutex_.
  PublishSession session_;
  bool awake_ = false;  // the driver has been told, or is about to look
  bool gave_up_ = false;
  bool answered_ = false;
  absl::Status status_ = absl::UnavailableError("never connected");
};

}  // namespace milepost::client
