#include "clients/cpp/publish_session.h"

#include "absl/strings/str_cat.h"
#include "clients/cpp/check_event.h"

namespace milepost::client {

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
  for (const auto& rejection : response.rejections()) {
    // A number that is acked already was reported on an earlier stream.
    if (rejection.number() > spool_.acked()) Reject(rejection.message());
  }
  if (response.has_acked()) {
    spool_.Ack(response.acked());
    if (state_ == State::kGreeted) state_ = State::kOpen;
  }
  for (const auto& command : response.commands()) {
    if (seen_requests_.Add(command)) commands_.push_back(command);
  }
  for (const auto& lost : response.lost()) {
    if (lost_jobs_.Add(lost.job(), lost.attempt(), lost.replaced())) lost_.push_back(lost);
  }
  if (response.lost_size() > 0) spool_.ChangeUnsent([this](v1::ProgressEvent* event) { GoOn(event); });
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
