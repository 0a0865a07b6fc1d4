#include "clients/cpp/subscriber.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "clients/cpp/backoff.h"
#include "clients/cpp/channel.h"
#include "clients/cpp/random.h"
#include "clients/cpp/subscribe_call.h"
#include "clients/cpp/wakeup.h"

namespace milepost::client {
namespace {

constexpr std::chrono::seconds kReadTimeout{10};

bool IsFinal(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status);
}

}  // namespace

// The subscriber's thread: reads, opens streams, takes from them, calls back, waits.
class Subscriber::Driver {
 public:
  explicit Driver(SubscriberOptions options)
      : options_(std::move(options)), position_(options_.subscription), thread_([this] { Run(); }) {}

  ~Driver() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      if (reading_ != nullptr) reading_->TryCancel();
    }
    wakeup_.Wake();
    thread_.join();
  }

 private:
  void Run() {
    const auto stub = v1::EventService::NewStub(NewChannel(options_.address));
    Backoff backoff(RandomFraction);
    while (!stopping_) {
      const absl::Status status = Follow(*stub, backoff);
      if (stopping_) return;
      if (IsFinal(status)) {
        if (options_.on_refused) options_.on_refused(status);
        return;
      }
      if (position_.NeedsRead() && status.ok()) continue;  // a reset: read what the new log holds
      Tell(false, status);
      Sleep(backoff.Next());
    }
  }

  // One read, if need be, and one stream to its end.
  absl::Status Follow(v1::EventService::Stub& stub, Backoff& backoff) {
    if (position_.NeedsRead()) {
      if (absl::Status status = Read(stub); !status.ok()) return status;
    }
    SubscribeCall call(stub, position_.SubscribeRequest(), wakeup_);
    bool reset = false;
    while (!call.over()) {
      wakeup_.Wait();
      if (stopping_ || reset) call.Cancel();
      while (auto response = call.Take()) {
        if (reset || stopping_) continue;
        backoff.Reset();
        Tell(true, absl::OkStatus());
        Deliver(position_.OnResponse(*std::move(response)));
        reset = position_.NeedsRead();
        if (reset) call.Cancel();
      }
    }
    call.Release();
    while (!call.done()) wakeup_.Wait();
    if (reset) return absl::OkStatus();
    return call.status().ok() ? absl::UnavailableError("the service ended the stream") : call.status();
  }

  absl::Status Read(v1::EventService::Stub& stub) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kReadTimeout);
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return absl::CancelledError("stopping");
      reading_ = &context;
    }
    v1::ReadResponse response;
    const absl::Status status = ToAbsl(stub.Read(&context, position_.ReadRequest(), &response));
    {
      std::lock_guard lock(mutex_);
      reading_ = nullptr;
    }
    if (!status.ok()) return status;
    Tell(true, absl::OkStatus());
    Deliver(position_.OnRead(std::move(response)));
    return absl::OkStatus();
  }

  void Deliver(const Delivery& delivery) {
    if (delivery.reset || !delivery.snapshots.empty() || !delivery.events.empty()) options_.on_delivery(delivery);
  }

  void Tell(bool connected, const absl::Status& why) {
    if (told_ == connected) return;
    told_ = connected;
    if (options_.on_connection) options_.on_connection(connected, why);
  }

  void Sleep(std::chrono::nanoseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    for (auto left = time; !stopping_ && left.count() > 0; left = until - std::chrono::steady_clock::now()) wakeup_.WaitFor(left);
  }

  const SubscriberOptions options_;
  ReadPosition position_;  // used by thread_ only
  std::optional<bool> told_;
  Wakeup wakeup_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  grpc::ClientContext* reading_ = nullptr;  // guarded by mutex_
  std::thread thread_;                      // last: it uses all of the above
};

Subscriber::Subscriber(SubscriberOptions options) : driver_(std::make_unique<Driver>(std::move(options))) {}

Subscriber::~Subscriber() = default;

}  // namespace milepost::client
