// The producer's protocol, step by step and without a stream.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "clients/cpp/check_event.h"
#include "clients/cpp/publish_session.h"
#include "tests/unit/clients/cpp/publish_session_fixture.h"

namespace milepost::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Time = PublishSession::Time;

TEST_F(PublishSessionTest, SaysHelloOnceAndWaitsForItsAnswer) {
  session_.Add(Line("a"));
  EXPECT_FALSE(Next());
  session_.OnConnected();
  ASSERT_TRUE(Next());
  EXPECT_TRUE(request_.has_hello());
  EXPECT_EQ(request_.hello().lease().seconds(), 30);
  EXPECT_FALSE(Next());
  v1::PublishStreamResponse only_credit;
  only_credit.set_credit(5);
  session_.OnResponse(only_credit);
  EXPECT_FALSE(Next());
  session_.OnResponse(Acked(0));
  ASSERT_TRUE(Next());
  EXPECT_EQ(request_.batch().first_number(), 1u);
  EXPECT_THAT(Texts(request_.batch()), ElementsAre("a"));
  EXPECT_FALSE(Next());
}

TEST_F(PublishSessionTest, NumbersFollowOneAnotherOverBatchesAndAcksAreCumulative) {
  Connect();
  for (const char* text : {"a", "b"}) session_.Add(Line(text));
  ASSERT_TRUE(Next());
  session_.Add(Line("c"));
  ASSERT_TRUE(Next());
  EXPECT_EQ(request_.batch().first_number(), 3u);
  session_.OnResponse(Acked(2));
  EXPECT_FALSE(session_.drained());
  session_.OnResponse(Acked(3));
  EXPECT_TRUE(session_.drained());
  EXPECT_EQ(session_.spool().bytes(), 0u);
}

TEST_F(PublishSessionTest, WhatWasNotAckedIsSentAgainUnderItsNumberAfterAReconnect) {
  Connect();
  for (const char* text : {"a", "b", "c"}) session_.Add(Line(text));
  ASSERT_TRUE(Next());
  session_.OnResponse(Acked(1));
  session_.OnDisconnected();
  session_.Add(Line("d"));
  EXPECT_FALSE(Next());
  Connect(2);
  ASSERT_TRUE(Next());
  EXPECT_EQ(request_.batch().first_number(), 3u);
  EXPECT_THAT(Texts(request_.batch()), ElementsAre("c", "d"));
  EXPECT_FALSE(Next());
}

TEST_F(PublishSessionTest, AServiceThatForgotTheProducerGetsWhatIsLeftUnderTheOldNumbers) {
  Connect();
  for (const char* text : {"a", "b"}) session_.Add(Line(text));
  ASSERT_TRUE(Next());
  session_.OnResponse(Acked(1));
  session_.OnDisconnected();
  Connect(0);
  ASSERT_TRUE(Next());
  EXPECT_EQ(request_.batch().first_number(), 2u);
}

TEST_F(PublishSessionTest, AcksOfNumbersThatWereNeverSentSettleNothingElse) {
  Connect();
  session_.Add(Line("a"));
  ASSERT_TRUE(Next());
  session_.OnResponse(Acked(99));
  EXPECT_TRUE(session_.drained());
  session_.Add(Line("b"));
  ASSERT_TRUE(Next());
  EXPECT_EQ(request_.batch().first_number(), 2u);
  session_.OnResponse(Acked(1));
  EXPECT_FALSE(session_.drained());
}

TEST_F(PublishSessionTest, NeverHasMoreUnackedThanItsCredit) {
  Connect();
  v1::PublishStreamResponse credit;
  credit.set_credit(2);
  session_.OnResponse(credit);
  for (const char* text : {"a", "b", "c", "d", "e"}) session_.Add(Line(text));
  ASSERT_TRUE(Next());
  EXPECT_THAT(Texts(request_.batch()), ElementsAre("a", "b"));
  EXPECT_FALSE(Next());
  session_.OnResponse(Acked(1));
  ASSERT_TRUE(Next());
  EXPECT_THAT(Texts(request_.batch()), ElementsAre("c"));
  // After a reconnect the credit counts anew, resent events included.
  session_.OnDisconnected();
  Connect(1);
  session_.OnResponse(credit);
  ASSERT_TRUE(Next());
  EXPECT_THAT(Texts(request_.batch()), ElementsAre("b", "c"));
  EXPECT_FALSE(Next());
}

TEST_F(PublishSessionTest, RenewsItsLeaseByAnEmptyBatchAtAThirdOfIt) {
  Connect();
  now_ += std::chrono::seconds(9);
  EXPECT_FALSE(Next());
  now_ += std::chrono::seconds(1);
  EXPECT_EQ(session_.renewal(), now_);
  ASSERT_TRUE(Next());
  EXPECT_TRUE(request_.has_batch());
  EXPECT_EQ(request_.batch().events_size(), 0);
  EXPECT_EQ(session_.renewal(), now_ + std::chrono::seconds(10));
  session_.OnDisconnected();
  EXPECT_EQ(session_.renewal(), Time::max());
}

TEST_F(PublishSessionTest, AQuietProducerIsNeverSilentForMoreThanAThirdOfItsLease) {
  const auto third = std::chrono::seconds(10);
  Connect();
  for (Time heard = now_; now_ < Time(std::chrono::hours(1));) {
    now_ = session_.renewal();
    ASSERT_LE(now_ - heard, third);
    ASSERT_TRUE(Next());
    ASSERT_FALSE(Next()) << "one batch is enough";
    heard = now_;
  }
  // What is published in between is as good.
  now_ += std::chrono::seconds(9);
  session_.Add(Line("a"));
  ASSERT_TRUE(Next());
  EXPECT_EQ(session_.renewal(), now_ + third);
  // An event that the credit holds back does not hold back the renewal.
  v1::PublishStreamResponse no_credit;
  no_credit.set_credit(1);
  session_.OnResponse(no_credit);
  session_.Add(Line("b"));
  now_ += third;
  ASSERT_TRUE(Next());
  EXPECT_THAT(Texts(request_.batch()), IsEmpty());
}

TEST_F(PublishSessionTest, RejectionsAreReportedAndTheFirstFewKept) {
  Connect();
  session_.Add(Line("a"));
  ASSERT_TRUE(Next());
  v1::PublishStreamResponse response = Acked(1);
  for (size_t i = 0; i < kMaxRejectionsKept + 5; ++i) {
    auto* rejection = response.add_rejections();
    rejection->set_number(1);
    rejection->set_message("job: ended");
  }
  session_.OnResponse(response);
  EXPECT_TRUE(session_.drained());
  EXPECT_EQ(session_.rejected(), kMaxRejectionsKept + 5);
  EXPECT_THAT(session_.rejections(), SizeIs(kMaxRejectionsKept));
  // Told again on the next stream: not counted again.
  session_.OnResponse(response);
  EXPECT_EQ(session_.rejected(), kMaxRejectionsKept + 5);
}

TEST_F(PublishSessionTest, AnEventThatWouldSpoilItsBatchIsRejectedHere) {
  EXPECT_FALSE(session_.Add(Line("bad \xff")));
  v1::ProgressEvent nested = Running();
  (*nested.mutable_metadata()->mutable_fields())["k"].set_string_value("\xed\xa0\x80");
  EXPECT_THAT(std::string(CheckEvent(nested).message()), HasSubstr("metadata.fields.value.string_value: not valid UTF-8"));
  v1::ProgressEvent large = Line(std::string(kMaxEventBytes, 'x'));
  EXPECT_THAT(std::string(CheckEvent(large).message()), HasSubstr("65536"));
  large.mutable_output()->mutable_line()->mutable_text()->resize(kMaxEventBytes - (large.ByteSizeLong() - kMaxEventBytes));
  EXPECT_EQ(large.ByteSizeLong(), kMaxEventBytes);
  EXPECT_TRUE(CheckEvent(large).ok());
  EXPECT_EQ(session_.rejected(), 1u);
  EXPECT_TRUE(session_.drained());
}

TEST_F(PublishSessionTest, WithoutRoomOldProgressGoesFirstThenLinesAndNeverTheEnd) {
  session_.Add(Running());
  for (const double fraction : {0.1, 0.2, 0.3}) session_.Add(Progress("a", fraction));
  session_.Add(Line("l1"));
  session_.Add(Progress("b", 0.5));
  session_.Add(Progress("a", 0.1, 2));
  session_.Add(Line("l2"));  // eight: full
  EXPECT_EQ(session_.spool().dropped(), 0u);
  session_.Add(Line("l3"));  // a 0.1 goes
  session_.Add(Line("l4"));  // a 0.2 goes
  session_.Add(Completed());  // l1 goes
  EXPECT_EQ(session_.spool().dropped(), 3u);
  EXPECT_EQ(session_.spool().events(), 8u);
  Connect();
  ASSERT_TRUE(Next());
  EXPECT_THAT(Texts(request_.batch()), ElementsAre("", "a 0.3", "b 0.5", "a 0.1", "l2", "l3", "l4", "completed"));
}

TEST_F(PublishSessionTest, WhatWasSentIsNotDroppedForWhatIsNew) {
  Connect();
  for (int i = 0; i < 8; ++i) session_.Add(Line(absl::StrCat("s", i)));
  ASSERT_TRUE(Next());
  session_.Add(Line("new"));
  EXPECT_EQ(session_.spool().dropped(), 1u);
  session_.OnDisconnected();
  Connect();
  ASSERT_TRUE(Next());
  EXPECT_THAT(Texts(request_.batch()), ElementsAre("s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"));
}

TEST_F(PublishSessionTest, BytesAreBoundedToo) {
  for (int i = 0; i < 4; ++i) session_.Add(Line(std::string(1500, 'x')));
  EXPECT_LE(session_.spool().bytes(), 4096u);
  EXPECT_EQ(session_.spool().dropped(), 2u);
}

}  // namespace
}  // namespace milepost::client
