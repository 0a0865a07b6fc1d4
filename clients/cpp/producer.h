// A worker's way to tell about its jobs.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "clients/cpp/outbox.h"
#include "milepost/v1/event.pb.h"
#include "milepost/v1/event_service.pb.h"

namespace milepost::client {

struct ProducerOptions {
  // HOST:PORT of the event service.
  std::string address = "127.0.0.1:7070";
  // How long this producer may be silent before the service takes its jobs for stalled; 1 s to 1 h. It renews by itself.
  std::chrono::milliseconds lease = std::chrono::seconds(30);
  // How much it keeps while the service is away.
  SpoolLimits limits;
  // All are called on the producer's own thread, which also renews the lease: they must not block. They may publish.
  // A request of the service (cancel, pause, …), each once. Absent: ignored.
  std::function<void(const v1::PublishStreamResponse::Command&)> on_command;
  // The DELIVERED that was published for a request of on_command is in the log: the request is open, and this is the time to
  // act on it. Not called for one that had ended when its DELIVERED came, as may be after a time away. Absent: ignored.
  std::function<void(const v1::PublishStreamResponse::Command&)> on_delivered;
  // The service took the job's `attempt`, its newest one, for lost while this producer was away. If that was this
  // producer's attempt, its events go out as the next one from here on by themselves. If `replaced`, or if this producer is
  // at an older one, another worker has taken over and what is published for the job is refused. Each attempt once.
  std::function<void(const v1::PublishStreamResponse::Lost&)> on_lost;
};

// Publishes events in order over one stream, which it opens again, with growing pauses, as often as it breaks. An event
// that was sent is sent again until the service has it in its log; it is stored once. While the service is away events
// are kept up to `limits`; past them the least important are dropped and counted.
// Owned by the application, one for a process; not to be carried over a fork. Thread-safe by the mutex of its outbox.
class Producer {
 public:
  explicit Producer(ProducerOptions options);
  // Like Close with no time.
  ~Producer();

  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Takes an event and returns at once. An event that can never be sent (over 64 KiB, not UTF-8) counts as rejected.
  void Publish(v1::ProgressEvent event);

  // Waits until every event so far is in the log or rejected. False: `timeout` came first, or it never will be.
  bool Flush(std::chrono::nanoseconds timeout);

  // Flushes, ends the stream and tells what became of the events. Publish does nothing afterwards.
  ProducerReport Close(std::chrono::nanoseconds timeout);

  ProducerReport Report() const;

 private:
  class Driver;
  std::unique_ptr<Driver> driver_;
};

}  // namespace milepost::client
