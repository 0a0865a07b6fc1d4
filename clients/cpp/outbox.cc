#include "clients/cpp/outbox.h"

#include <algorithm>
#include <utility>

namespace milepost::client {

void Outbox::Add(v1::ProgressEvent event) {
  bool wake;
  {
    std::lock_guard lock(mutex_);
    session_.Add(std::move(event));
    wake = !std::exchange(awake_, true);
  }
  if (wake) changed_.notify_one();
}

void Outbox::OnConnected() {
  std::lock_guard lock(mutex_);
  session_.OnConnected();
}

void Outbox::OnDisconnected(absl::Status status) {
  std::lock_guard lock(mutex_);
  session_.OnDisconnected();
  status_ = std::move(status);
}

void Outbox::OnResponse(const v1::PublishStreamResponse& response) {
  {
    std::lock_guard lock(mutex_);
    session_.OnResponse(response);
    status_ = absl::OkStatus();
    answered_ = awake_ = true;
  }
  changed_.notify_one();
  drained_.notify_all();
}

bool Outbox::NextRequest(Time now, v1::PublishStreamRequest* request) {
  std::lock_guard lock(mutex_);
  return session_.NextRequest(now, request);
}

std::vector<v1::PublishStreamResponse::Command> Outbox::TakeCommands() {
  std::lock_guard lock(mutex_);
  return session_.TakeCommands();
}

std::vector<v1::PublishStreamResponse::Command> Outbox::TakeDelivered() {
  std::lock_guard lock(mutex_);
  return session_.TakeDelivered();
}

std::vector<v1::PublishStreamResponse::Lost> Outbox::TakeLost() {
  std::lock_guard lock(mutex_);
  return session_.TakeLost();
}

void Outbox::Wait(Time until) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, std::min(until, session_.renewal()), [this] { return awake_; });
  awake_ = false;
}

void Outbox::Wake() {
  {
    std::lock_guard lock(mutex_);
    awake_ = true;
  }
  changed_.notify_one();
}

void Outbox::GiveUp(absl::Status status) {
  {
    std::lock_guard lock(mutex_);
    gave_up_ = true;
    if (!status.ok()) status_ = std::move(status);
  }
  drained_.notify_all();
}

bool Outbox::WaitUntilDrained(Time until) {
  std::unique_lock lock(mutex_);
  drained_.wait_until(lock, until, [this] { return session_.drained() || gave_up_; });
  return session_.drained();
}

bool Outbox::drained() const {
  std::lock_guard lock(mutex_);
  return session_.drained();
}

bool Outbox::open() const {
  std::lock_guard lock(mutex_);
  return session_.open();
}

ProducerReport Outbox::Report() const {
  std::lock_guard lock(mutex_);
  return {.acked = session_.spool().acked(),
          .rejected = session_.rejected(),
          .dropped = session_.spool().dropped(),
          .unsettled = session_.spool().events(),
          .rejections = session_.rejections(),
          .answered = answered_,
          .status = status_};
}

}  // namespace milepost::client
