#include "clients/cpp/subscribe_call.h"

#include <utility>

#include "clients/cpp/channel.h"

namespace milepost::client {

SubscribeCall::SubscribeCall(v1::EventService::Stub& stub, v1::SubscribeRequest request, Wakeup& wakeup)
    : wakeup_(wakeup), request_(std::move(request)) {
  stub.async()->Subscribe(&context_, &request_, this);
  // The driver starts reads from outside of reactions.
  AddHold();
  StartRead(&response_);
  StartCall();
}

std::optional<v1::SubscribeResponse> SubscribeCall::Take() {
  {
    std::lock_guard lock(mutex_);
    if (!std::exchange(ready_, false)) return std::nullopt;
  }
  // No read is under way, so the response is this thread's alone.
  v1::SubscribeResponse response = std::move(response_);
  response_.Clear();
  StartRead(&response_);
  return response;
}

void SubscribeCall::OnReadDone(bool ok) {
  {
    std::lock_guard lock(mutex_);
    (ok ? ready_ : over_) = true;
  }
  wakeup_.Wake();
}

void SubscribeCall::OnDone(const grpc::Status& status) {
  Wakeup& wakeup = wakeup_;  // the driver may destroy this object as soon as the lock is free
  {
    std::lock_guard lock(mutex_);
    over_ = done_ = true;
    status_ = ToAbsl(status);
  }
  wakeup.Wake();
}

bool SubscribeCall::over() const {
  std::lock_guard lock(mutex_);
  return over_;
}

bool SubscribeCall::done() const {
  std::lock_guard lock(mutex_);
  return done_;
}

absl::Status SubscribeCall::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace milepost::client
