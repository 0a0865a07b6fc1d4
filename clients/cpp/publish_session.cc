#include "clients/cpp/publish_session.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "clients/cpp/check_event.h"

namespace milepost::client {
namespace {

bool IsDelivered(const v1::ProgressEvent& event) {
  return event.has_control() && event.control().phase() == v1::Control::DELIVERED;
}

}  // namespace

bool PublishSession::Add(v1::ProgressEvent event) {
  if (const absl::Status status = CheckEvent(event); !status.ok()) {
    Reject(std::string(status.message()));
    return false;
  }
  GoOn(&event);
  spool_.Add(std::move(event));
  return true;
}

void PublishSession::GoOn(v1::ProgressEvent* event) const {
  if (lost_jobs_.empty()) return;
  const uint32_t attempt = lost_jobs_.AttemptOf(*event);
  if (attempt > 1) event->set_attempt(attempt);
}

void PublishSession::OnConnected() {
  state_ = State::kConnected;
  credit_ = kDefaultCredit;
  spool_.Rewind();
}

void PublishSession::OnDisconnected() { state_ = State::kDisconnected; }

void PublishSession::OnResponse(const v1::PublishStreamResponse& response) {
  if (response.has_credit()) credit_ = response.credit();
  for (const auto& rejection : response.rejections()) TakeRejection(rejection);
  if (response.has_acked()) {
    TakeDeliveries(response);
    spool_.Ack(response.acked());
    if (state_ == State::kGreeted) state_ = State::kOpen;
  }
  for (const auto& command : response.commands()) {
    if (!seen_requests_.Add(command)) continue;
    commands_.push_back(command);
    undelivered_.Add(command);
  }
  for (const auto& lost : response.lost()) {
    if (lost_jobs_.Add(lost.job(), lost.attempt(), lost.replaced())) lost_.push_back(lost);
  }
  if (response.lost_size() > 0) spool_.ChangeUnsent([this](v1::ProgressEvent* event) { GoOn(event); });
}

void PublishSession::TakeRejection(const v1::PublishStreamResponse::Rejection& rejection) {
  // A number that is acked already was reported on an earlier stream.
  if (rejection.number() <= spool_.acked()) return;
  const v1::ProgressEvent* event = spool_.Sent(rejection.number());
  // That a request had ended is no fault of the application's.
  if (event != nullptr && IsDelivered(*event) && undelivered_.Take(event->job(), event->control())) return;
  Reject(rejection.message());
}

void PublishSession::TakeDeliveries(const v1::PublishStreamResponse& response) {
  for (uint64_t number = spool_.acked() + 1; number <= response.acked(); ++number) {
    const v1::ProgressEvent* event = spool_.Sent(number);
    if (event == nullptr) break;
    if (!IsDelivered(*event)) continue;
    auto command = undelivered_.Take(event->job(), event->control());
    if (!command) continue;
    // The answer to a hello acks without saying what was rejected; but it names the requests that are open.
    const bool open = state_ != State::kGreeted || std::any_of(response.commands().begin(), response.commands().end(), [&](const auto& c) {
      return c.request() == command->request() && c.action() == command->action() && c.job() == command->job();
    });
    if (open) delivered_.push_back(*std::move(command));
  }
}

bool PublishSession::NextRequest(Time now, v1::PublishStreamRequest* request) {
  request->Clear();
  switch (state_) {
    case State::kConnected: {
      auto& hello = *request->mutable_hello();
      hello.set_producer_id(options_.producer_id);
      const auto lease = std::chrono::duration_cast<std::chrono::milliseconds>(options_.lease).count();
      hello.mutable_lease()->set_seconds(lease / 1000);
      hello.mutable_lease()->set_nanos(static_cast<int>(lease % 1000) * 1000000);
      state_ = State::kGreeted;
      written_ = now;
      return true;
    }
    case State::kOpen: {
      const bool events = spool_.TakeBatch(credit_, request->mutable_batch());
      if (!events && now < renewal()) return false;
      written_ = now;
      return true;
    }
    case State::kDisconnected:
    case State::kGreeted:
      break;
  }
  return false;
}

PublishSession::Time PublishSession::renewal() const { return state_ == State::kOpen ? written_ + options_.lease / 3 : Time::max(); }

void PublishSession::Reject(std::string message) {
  ++rejected_;
  if (rejections_.size() < kMaxRejectionsKept) rejections_.push_back(std::move(message));
}

}  // namespace milepost::client
