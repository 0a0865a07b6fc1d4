// A session that a test steps, on a clock that stands still unless it is moved.
#pragma once

#include <gtest/gtest.h>

#include "clients/cpp/publish_session.h"
#include "tests/unit/clients/cpp/publish_events.h"

namespace milepost::client {

class PublishSessionTest : public testing::Test {
 protected:
  // A stream that the service has answered.
  void Connect(uint64_t acked = 0) {
    session_.OnConnected();
    ASSERT_TRUE(session_.NextRequest(now_, &request_));
    ASSERT_EQ(request_.hello().producer_id(), "0123456789abcdef");
    session_.OnResponse(Acked(acked));
  }

  bool Next() { return session_.NextRequest(now_, &request_); }

  PublishSession::Time now_{};
  PublishSession session_{{.producer_id = "0123456789abcdef",
                           .lease = std::chrono::seconds(30),
                           .limits = {.max_events = 8, .max_bytes = 4096}}};
  v1::PublishStreamRequest request_;
};

}  // namespace milepost::client
