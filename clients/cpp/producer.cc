#include "clients/cpp/producer.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "clients/cpp/backoff.h"
#include "clients/cpp/channel.h"
#include "clients/cpp/publish_call.h"
#include "clients/cpp/random.h"

namespace milepost::client {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kHurriedPause{100};

// Trying again would get the same answer (contract: event_service.proto).
bool IsFinal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kAborted:
      return true;
    default:
      return false;
  }
}

PublishSession::Options SessionOptions(const ProducerOptions& options) {
  return {.producer_id = RandomId(), .lease = options.lease, .limits = options.limits};
}

}  // namespace

// The producer's thread: opens streams, keeps them written to, waits between them. Everything that gRPC could make slow
// happens here or on gRPC's own threads, never in Publish.
class Producer::Driver {
 public:
  explicit Driver(ProducerOptions options)
      : options_(std::move(options)), outbox_(SessionOptions(options_)) {}

  // Not before the producer knows its driver: what is called back may publish.
  void Start() { thread_ = std::thread([this] { Run(); }); }

  Outbox& outbox() { return outbox_; }

  // From now on the pauses between streams are short.
  void Hurry() {
    hurry_ = true;
    outbox_.Wake();
  }

  // Ends the thread: half-closes a stream that has nothing left to say and gives it until `until`, cancels any other.
  void Stop(Clock::time_point until) {
    if (stopping_.exchange(true)) return;
    stop_by_ = until;
    stop_by_set_.store(true, std::memory_order_release);
    outbox_.Wake();
    thread_.join();
  }

 private:
  void Run() {
    const auto stub = v1::EventService::NewStub(NewChannel(options_.address));
    Backoff backoff(RandomFraction);
    while (!Stopping()) {
      const absl::Status status = RunCall(*stub, backoff);
      outbox_.OnDisconnected(status);
      if (IsFinal(status)) {
        outbox_.GiveUp(status);
        return;
      }
      Pause(backoff.Next());
    }
    outbox_.GiveUp(absl::OkStatus());
  }

  // Somebody waits for the end: a long pause would use up their patience.
  void Pause(Clock::duration time) {
    const Clock::time_point begin = Clock::now();
    const auto end = [&] { return begin + (hurry_ ? std::min<Clock::duration>(time, kHurriedPause) : time); };
    while (!Stopping() && Clock::now() < end()) outbox_.Wait(end());
  }

  absl::Status RunCall(v1::EventService::Stub& stub, Backoff& backoff) {
    PublishCall call(stub, outbox_);
    bool asked_to_end = false;
    while (!call.over()) {
      if (outbox_.open()) backoff.Reset();
      Deliver();
      if (Stopping() && !asked_to_end) {
        asked_to_end = true;
        outbox_.drained() ? call.HalfClose() : call.Cancel();
      }
      if (asked_to_end && Clock::now() >= stop_by_) call.Cancel();
      call.Write();
      outbox_.Wait(asked_to_end ? std::max(stop_by_, Clock::now() + std::chrono::milliseconds(10)) : Clock::time_point::max());
    }
    call.Release();
    while (!call.done()) outbox_.Wait(Clock::time_point::max());
    Deliver();
    return call.status();
  }

  void Deliver() {
    for (const auto& lost : outbox_.TakeLost()) {
      if (options_.on_lost) options_.on_lost(lost);
    }
    for (const auto& command : outbox_.TakeCommands()) {
      if (options_.on_command) options_.on_command(command);
    }
    for (const auto& command : outbox_.TakeDelivered()) {
      if (options_.on_delivered) options_.on_delivered(command);
    }
  }

  bool Stopping() const { return stop_by_set_.load(std::memory_order_acquire); }

  const ProducerOptions options_;
  Outbox outbox_;
  std::atomic<bool> hurry_ = false;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> stop_by_set_ = false;  // orders stop_by_
  Clock::time_point stop_by_;
  std::thread thread_;  // last: it uses all of the above
};

Producer::Producer(ProducerOptions options) : driver_(std::make_unique<Driver>(std::move(options))) { driver_->Start(); }

Producer::~Producer() { driver_->Stop(Clock::now()); }

void Producer::Publish(v1::ProgressEvent event) { driver_->outbox().Add(std::move(event)); }

bool Producer::Flush(std::chrono::nanoseconds timeout) { return driver_->outbox().WaitUntilDrained(Clock::now() + timeout); }

ProducerReport Producer::Close(std::chrono::nanoseconds timeout) {
  const Clock::time_point until = Clock::now() + timeout;
  driver_->Hurry();
  driver_->outbox().WaitUntilDrained(until);
  driver_->Stop(until);
  return driver_->outbox().Report();
}

ProducerReport Producer::Report() const { return driver_->outbox().Report(); }

}  // namespace milepost::client
