#include "clients/cpp/publish_call.h"

#include <chrono>

#include "clients/cpp/channel.h"

namespace milepost::client {

PublishCall::PublishCall(v1::EventService::Stub& stub, Outbox& outbox) : outbox_(outbox) {
  stub.async()->PublishStream(&context_, this);
  // The driver writes from outside of reactions, so the call may not be done before the driver says so.
  AddHold();
  outbox_.OnConnected();
  StartRead(&response_);
  StartCall();
  WriteNext();
}

void PublishCall::Write() { WriteNext(); }

void PublishCall::HalfClose() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  WriteNext();
}

// The lock is not held while gRPC is called. Nobody else can start a write in between, because `writing_` is set.
void PublishCall::WriteNext() {
  bool half_close = false;
  {
    std::lock_guard lock(mutex_);
    if (writing_ || closed_ || over_) return;
    if (!outbox_.NextRequest(std::chrono::steady_clock::now(), &request_)) {
      if (!closing_) return;
      closed_ = half_close = true;
    }
    writing_ = !half_close;
  }
  if (half_close) {
    StartWritesDone();
  } else {
    StartWrite(&request_);
  }
}

void PublishCall::OnWriteDone(bool ok) {
  {
    std::lock_guard lock(mutex_);
    writing_ = false;
  }
  if (ok) WriteNext();  // otherwise the read fails too, and that ends it
}

void PublishCall::OnReadDone(bool ok) {
  if (!ok) {
    {
      std::lock_guard lock(mutex_);
      over_ = true;
    }
    outbox_.Wake();
    return;
  }
  outbox_.OnResponse(response_);
  StartRead(&response_);
  WriteNext();
}

void PublishCall::OnDone(const grpc::Status& status) {
  Outbox& outbox = outbox_;  // the driver may destroy this object as soon as the lock is free
  {
    std::lock_guard lock(mutex_);
    over_ = done_ = true;
    status_ = ToAbsl(status);
  }
  outbox.Wake();
}

bool PublishCall::over() const {
  std::lock_guard lock(mutex_);
  return over_;
}

bool PublishCall::done() const {
  std::lock_guard lock(mutex_);
  return done_;
}

absl::Status PublishCall::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace milepost::client
