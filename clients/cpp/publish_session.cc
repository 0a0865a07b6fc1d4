#include "clients/cpp/publish_session.h"

#include "absl/strings/str_cat.h"
#include "clients/cpp/check_event.h"

namespace milepost::client {

bool PublishSession::Add(v1::ProgressEvent event) {
  if (const absl::Status status = CheckEvent(event); !status.ok()) {
    Reject(std::string(status.message()));
    return false;
  }
  spool_.Add(std::move(event));
  return true;
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
  for (const auto& command : response.commands()) commands_.push_back(command);
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
