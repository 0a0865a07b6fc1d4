// Producers' streams and calls: numbers, acks, faults, ends.
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/service_test_support.h"

namespace milepost::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kId(32, 'a');

class ProducerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(service_.ok()); }

  // Texts of all notices in the log, in order.
  std::vector<std::string> Stored() {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::ReadRequest request;
    request.add_resources("job:*");
    request.set_after("earliest");
    v1::ReadResponse page;
    EXPECT_TRUE(stub_->Read(&context, request, &page).ok());
    EXPECT_FALSE(page.more());
    std::vector<std::string> texts;
    for (const auto& event : page.events()) texts.push_back(event.notice().text());
    return texts;
  }

  grpc::Status PublishWithKey(const std::string& key, const std::vector<v1::ProgressEvent>& events, v1::PublishResponse* response) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::PublishRequest request;
    for (const auto& event : events) *request.add_events() = event;
    request.set_idempotency_key(key);
    return stub_->Publish(&context, request, response);
  }

  Service service_;
  std::unique_ptr<v1::EventService::Stub> stub_ = service_.NewStub();
};

TEST_F(ProducerTest, ResendingAfterAReconnectStoresEachNumberOnce) {
  {
    Producer first(*stub_, kId);
    ASSERT_TRUE(first.Send(1, {Notice("job:1", "1"), Notice("job:1", "2")}));
    ASSERT_TRUE(first.WaitAcked(2));
    first.Cancel();
    first.Finish();
  }
  Producer second(*stub_, kId);
  EXPECT_EQ(second.acked(), 2u) << "hello is answered with what is known";
  ASSERT_TRUE(second.Send(1, {Notice("job:1", "1"), Notice("job:1", "2"), Notice("job:1", "3")}));
  ASSERT_TRUE(second.WaitAcked(3));
  EXPECT_THAT(Stored(), ::testing::ElementsAre("1", "2", "3"));
}

TEST_F(ProducerTest, ARejectedNumberStaysUsedUpAfterAReconnect) {
  {
    Producer first(*stub_, kId);
    ASSERT_TRUE(first.Send(1, {Notice("bad", "1")}));
    ASSERT_TRUE(first.WaitAcked(1));
    EXPECT_EQ(first.rejections().size(), 1u);
  }
  Producer second(*stub_, kId);
  EXPECT_EQ(second.acked(), 1u);
}

TEST_F(ProducerTest, AckStaysBelowAGapUntilItIsFilled) {
  Producer producer(*stub_, kId);
  ASSERT_TRUE(producer.Send(1, {Notice("job:1", "1")}));
  ASSERT_TRUE(producer.WaitAcked(1));
  ASSERT_TRUE(producer.Send(3, {Notice("job:1", "3")}));
  ASSERT_TRUE(producer.Send(2, {Notice("job:1", "2")}));
  ASSERT_TRUE(producer.WaitAcked(3));
  EXPECT_THAT(Stored(), ::testing::ElementsAre("1", "3", "2"));
}

TEST_F(ProducerTest, AProducerThatTheServiceDoesNotKnowMayGoOnWithItsNumbers) {
  Producer producer(*stub_, kId);
  EXPECT_EQ(producer.acked(), 0u);
  ASSERT_TRUE(producer.Send(5001, {Notice("job:1", "5001")}));
  ASSERT_TRUE(producer.WaitAcked(5001));
}

TEST_F(ProducerTest, ASecondStreamOfAProducerEndsTheFirst) {
  Producer first(*stub_, kId);
  Producer second(*stub_, kId);
  const grpc::Status status = first.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_THAT(status.error_message(), HasSubstr("producer_id"));
  ASSERT_TRUE(second.Send(1, {Notice("job:1", "1")}));
  EXPECT_TRUE(second.WaitAcked(1));
  second.WritesDone();
  EXPECT_TRUE(second.Finish().ok());
}

TEST_F(ProducerTest, CreditIsATotalAndOnePastItEndsTheStreamUsingUpNothing) {
  Producer producer(*stub_, kId);
  ASSERT_TRUE(producer.Send(1, {Notice("job:1", "1")}));
  ASSERT_TRUE(producer.WaitAcked(1));
  // A gap at 2 keeps the ack at 1, so 3 to 1025 are 1,024 past it.
  std::vector<v1::ProgressEvent> events(1000, Notice("job:1", "x"));
  ASSERT_TRUE(producer.Send(3, events));
  events.resize(23);
  ASSERT_TRUE(producer.Send(1003, events));
  ASSERT_TRUE(producer.Send(1026, {Notice("job:1", "too far")}));
  const grpc::Status status = producer.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("credit is 1024"));
  Producer again(*stub_, kId);
  ASSERT_TRUE(again.Send(2, {Notice("job:1", "2")}));
  ASSERT_TRUE(again.WaitAcked(1025));
  ASSERT_TRUE(again.Send(1026, {Notice("job:1", "1026")}));
  EXPECT_TRUE(again.WaitAcked(1026));
}

TEST_F(ProducerTest, EveryBadEventIsRejectedByItselfAndTheStreamGoesOn) {
  // As bytes, because a message with such a string cannot be made otherwise: field 13 (notice), its field 3 (text).
  const std::string bad_utf8 = std::string("\x0A\x05job:1\x6A\x03\x1A\x01\xFF", 12);
  const std::string garbage = "\x0A\xFF\xFF";
  const std::string good = Notice("job:1", "good").SerializeAsString();
  const std::string large = Notice("job:1", std::string(70'000, 'x')).SerializeAsString();
  std::string batch("\x08\x01", 2);  // first_number: 1
  std::vector<std::string> events = {bad_utf8, good, garbage, large, good, ""};
  for (const auto& event : events) {
    batch += '\x12';
    for (size_t size = event.size();; size >>= 7) {
      batch += static_cast<char>(size >= 0x80 ? (size & 0x7F) | 0x80 : size);
      if (size < 0x80) break;
    }
    batch += event;
  }
  v1::PublishStreamRequest request;
  // Unknown to nobody: the bytes go out as they are, the batch being the request's field 2.
  request.GetReflection()->MutableUnknownFields(&request)->AddLengthDelimited(2, batch);
  Producer producer(*stub_, kId);
  ASSERT_TRUE(producer.Send(request));
  ASSERT_TRUE(producer.WaitAcked(6));
  ASSERT_EQ(producer.rejections().size(), 4u);
  const std::vector<std::pair<uint64_t, const char*>> expected = {
      {1, "notice.text: is not valid UTF-8"}, {3, "event: these bytes are no"}, {4, "`uri` of an artifact"}, {6, "job: "}};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(producer.rejections()[i].number(), expected[i].first);
    EXPECT_EQ(producer.rejections()[i].code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(producer.rejections()[i].message(), HasSubstr(expected[i].second));
  }
  EXPECT_THAT(Stored(), ::testing::ElementsAre("good", "good"));
}

TEST_F(ProducerTest, WhatTheFoldRefusesIsRejectedAndUsesItsNumberUp) {
  v1::ProgressEvent full = Notice("job:1", "full"), past = Notice("job:1", "past");
  for (int i = 1; i <= 16; ++i) full.add_resources("user:" + std::to_string(i));
  past.add_resources("user:17");
  Producer producer(*stub_, kId);
  ASSERT_TRUE(producer.Send(1, {full, past, Notice("job:1", "after")}));
  ASSERT_TRUE(producer.WaitAcked(3));
  ASSERT_EQ(producer.rejections().size(), 1u);
  EXPECT_EQ(producer.rejections()[0].number(), 2u);
  EXPECT_EQ(producer.rejections()[0].code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(producer.rejections()[0].message(), HasSubstr("would have 17 resources"));
  EXPECT_THAT(Stored(), ::testing::ElementsAre("full", "after"));
}

TEST_F(ProducerTest, WhatIsNoProtocolEndsTheStream) {
  using Request = v1::PublishStreamRequest;
  const auto hello = [](const std::string& id, int64_t lease) {
    Request request;
    request.mutable_hello()->set_producer_id(id);
    request.mutable_hello()->mutable_lease()->set_seconds(lease);
    return request;
  };
  Request batch;
  batch.mutable_batch()->set_first_number(1);
  *batch.mutable_batch()->add_events() = Notice("job:1", "x");
  Request zero = batch;
  zero.mutable_batch()->set_first_number(0);
  Request past_the_end = batch;
  past_the_end.mutable_batch()->set_first_number(std::numeric_limits<uint64_t>::max());
  Request many = batch;
  for (int i = 0; i < 1000; ++i) *many.mutable_batch()->add_events() = Notice("job:1", "x");
  const struct {
    std::vector<Request> requests;
    const char* message;
  } cases[] = {
      {{Request()}, "request: is empty"},
      {{batch}, "batch: the first request of a stream must be a hello"},
      {{hello(std::string(15, 'a'), 30)}, "hello.producer_id: "},
      {{hello(std::string(65, 'a'), 30)}, "hello.producer_id: "},
      {{hello(std::string(31, 'a') + "\n", 30)}, "hello.producer_id: "},
      {{hello(kId, 0)}, "hello.lease: is out of range: 1 s to 1 h"},
      {{hello(kId, 3601)}, "hello.lease: "},
      {{hello(kId, 1), hello(kId, 1)}, "hello: only the first request"},
      {{hello(kId, 1), zero}, "batch.first_number: "},
      {{hello(kId, 1), past_the_end}, "batch.first_number: "},
      {{hello(kId, 3600), many}, "batch.events: 1001 events, at most 1000"},
  };
  for (const auto& c : cases) {
    Producer producer(*stub_);
    for (const auto& request : c.requests) producer.Send(request);
    const grpc::Status status = producer.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << c.message;
    EXPECT_THAT(status.error_message(), HasSubstr(c.message));
  }
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(ProducerTest, AClientKilledInTheMiddleLosesNothingThatWasAcked) {
  for (int round = 0; round < 30; ++round) {
    const std::string id = "killed-in-the-middle-" + std::to_string(round);
    uint64_t acked = 0;
    {
      auto stub = service_.NewStub();
      Producer producer(*stub, id);
      for (uint64_t number = 1; number <= 20; ++number) producer.Send(number, {Notice("job:1", "x")});
      ASSERT_TRUE(producer.WaitAcked(round % 20 + 1));
      acked = producer.acked();
      producer.Cancel();
    }
    Producer again(*stub_, id);
    ASSERT_GE(again.acked(), acked);
    ASSERT_TRUE(again.Send(again.acked() + 1, {Notice("job:1", "x")}));
    ASSERT_TRUE(again.WaitAcked(again.acked() + 1));
  }
}

TEST_F(ProducerTest, PublishTakesOneToAThousandEvents) {
  EXPECT_EQ(Publish(*stub_, std::vector<v1::ProgressEvent>(1000, Notice("job:1", "x"))).results_size(), 1000);
  for (const size_t count : {0, 1001}) {
    v1::PublishResponse response;
    const grpc::Status status = PublishWithKey("k", std::vector<v1::ProgressEvent>(count, Notice("job:1", "x")), &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr("1 to 1000 are allowed"));
  }
}

TEST_F(ProducerTest, ARepeatedCallWithAKeyGetsTheSameResults) {
  v1::PublishResponse first, second, third;
  const std::vector<v1::ProgressEvent> events = {Notice("job:1", "a"), Notice("bad", "b"), Notice("job:1", "c")};
  ASSERT_TRUE(PublishWithKey("k", events, &first).ok());
  ASSERT_TRUE(PublishWithKey("k", events, &second).ok());
  EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString());
  EXPECT_THAT(Stored(), ::testing::ElementsAre("a", "c"));
  EXPECT_EQ(PublishWithKey("k", {Notice("job:1", "a")}, &third).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_TRUE(PublishWithKey("k2", {Notice("job:1", "a")}, &third).ok());
  EXPECT_TRUE(PublishWithKey(std::string(255, '~'), events, &third).ok());
  for (const std::string& key : {std::string(), std::string(256, 'k'), std::string("a\n"), std::string("\xC3\xA4")}) {
    EXPECT_EQ(PublishWithKey(key, events, &third).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << key;
  }
}

TEST_F(ProducerTest, ARequestPastTheSizeLimitIsRefusedAndTheServiceLives) {
  v1::PublishResponse response;
  EXPECT_EQ(PublishWithKey("k", {Notice("job:1", std::string(5 << 20, 'x'))}, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Publish(*stub_, {Notice("job:1", "x")}).results(0).seq(), 1u);
}

}  // namespace
}  // namespace milepost::testing
