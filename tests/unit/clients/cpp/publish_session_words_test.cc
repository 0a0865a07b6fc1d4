// What the service says beside acks: requests, and jobs that were lost.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/clients/cpp/publish_session_fixture.h"

namespace milepost::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

v1::PublishStreamResponse Asked(uint64_t request, v1::Control::Action action = v1::Control::CANCEL) {
  v1::PublishStreamResponse response;
  auto* command = response.add_commands();
  command->set_request(request);
  command->set_job("job:1");
  command->set_action(action);
  return response;
}

TEST_F(PublishSessionTest, ARequestIsHandedOnOnceAlsoOverReconnects) {
  Connect();
  session_.OnResponse(Asked(7));
  session_.OnResponse(Asked(7));
  EXPECT_THAT(session_.TakeCommands(), SizeIs(1));
  session_.OnDisconnected();
  Connect();
  session_.OnResponse(Asked(7));
  EXPECT_THAT(session_.TakeCommands(), IsEmpty());
  session_.OnResponse(Asked(8));
  // Another log may count the same.
  session_.OnResponse(Asked(7, v1::Control::PAUSE));
  EXPECT_THAT(session_.TakeCommands(), SizeIs(2));
}

TEST_F(PublishSessionTest, RequestsThatWereSeenAreRememberedUpToALimit) {
  for (uint64_t request = 1; request <= kMaxSeenRequests; ++request) session_.OnResponse(Asked(request));
  EXPECT_THAT(session_.TakeCommands(), SizeIs(kMaxSeenRequests));
  session_.OnResponse(Asked(1));
  EXPECT_THAT(session_.TakeCommands(), IsEmpty());
  session_.OnResponse(Asked(kMaxSeenRequests + 1));  // 1 is forgotten
  session_.OnResponse(Asked(2));
  session_.OnResponse(Asked(1));
  EXPECT_THAT(session_.TakeCommands(), SizeIs(2));
}

v1::ProgressEvent Delivered(uint64_t request) {
  v1::ProgressEvent event;
  event.set_job("job:1");
  event.mutable_control()->set_request(request);
  event.mutable_control()->set_action(v1::Control::CANCEL);
  event.mutable_control()->set_phase(v1::Control::DELIVERED);
  return event;
}

TEST_F(PublishSessionTest, ARequestIsToBeActedOnWhenItsDeliveryIsInTheLog) {
  Connect();
  for (const uint64_t request : {7, 8}) {
    session_.OnResponse(Asked(request));
    session_.Add(Delivered(request));
  }
  ASSERT_TRUE(Next());
  EXPECT_THAT(session_.TakeDelivered(), IsEmpty());
  v1::PublishStreamResponse response = Acked(2);
  response.add_rejections()->set_number(1);
  session_.OnResponse(response);
  const auto delivered = session_.TakeDelivered();
  ASSERT_THAT(delivered, SizeIs(1)) << "the other one had ended";
  EXPECT_EQ(delivered[0].request(), 8u);
  EXPECT_EQ(session_.rejected(), 0u);
  EXPECT_THAT(session_.TakeDelivered(), IsEmpty());
}

TEST_F(PublishSessionTest, ADeliveryThatIsAckedByAHelloCountsIfTheRequestIsOpen) {
  Connect();
  for (const uint64_t request : {7, 8}) {
    session_.OnResponse(Asked(request));
    session_.Add(Delivered(request));
  }
  ASSERT_TRUE(Next());
  session_.OnDisconnected();
  session_.OnConnected();
  ASSERT_TRUE(Next());
  v1::PublishStreamResponse greeting = Asked(8);
  greeting.set_acked(2);
  session_.OnResponse(greeting);
  const auto delivered = session_.TakeDelivered();
  ASSERT_THAT(delivered, SizeIs(1));
  EXPECT_EQ(delivered[0].request(), 8u);
}

v1::PublishStreamResponse Lost(uint32_t attempt) {
  v1::PublishStreamResponse response;
  response.add_lost()->set_job("job:1");
  response.mutable_lost(0)->set_attempt(attempt);
  return response;
}

std::vector<uint32_t> Attempts(const v1::PublishStreamRequest::Batch& batch) {
  std::vector<uint32_t> attempts;
  for (const auto& event : batch.events()) attempts.push_back(event.has_attempt() ? event.attempt() : 1);
  return attempts;
}

TEST_F(PublishSessionTest, ALostJobGoesOnAsTheNextAttempt) {
  Connect();
  session_.Add(Line("sent"));
  ASSERT_TRUE(Next());
  session_.OnDisconnected();
  session_.Add(Progress("a", 0.1));
  session_.Add(Progress("a", 0.2));
  v1::ProgressEvent other = Line("other job");
  other.set_job("job:2");
  session_.Add(other);
  Connect();
  session_.OnResponse(Lost(1));
  session_.Add(Completed());
  ASSERT_TRUE(Next());
  // What was sent under its number stays what it was.
  EXPECT_THAT(Attempts(request_.batch()), ElementsAre(1, 2, 2, 1, 2));
  const auto lost = session_.TakeLost();
  ASSERT_THAT(lost, SizeIs(1));
  EXPECT_EQ(lost[0].attempt(), 1u);
  EXPECT_THAT(session_.TakeLost(), IsEmpty());
  // The attempt that followed is lost too, and whoever publishes still knows of the first one only.
  session_.OnResponse(Lost(2));
  session_.Add(Line("again"));
  ASSERT_TRUE(Next());
  EXPECT_THAT(Attempts(request_.batch()), ElementsAre(3));
}

TEST_F(PublishSessionTest, ALossThatIsToldAgainIsNoOther) {
  Connect();
  session_.OnResponse(Lost(1));
  session_.OnResponse(Lost(1));
  EXPECT_THAT(session_.TakeLost(), SizeIs(1));
  session_.OnDisconnected();
  Connect();
  session_.OnResponse(Lost(1));
  EXPECT_THAT(session_.TakeLost(), IsEmpty());
  session_.Add(Line("again"));
  ASSERT_TRUE(Next());
  EXPECT_THAT(Attempts(request_.batch()), ElementsAre(2));
  session_.OnResponse(Lost(2));
  session_.OnResponse(Lost(1));
  const auto lost = session_.TakeLost();
  ASSERT_THAT(lost, SizeIs(1));
  EXPECT_EQ(lost[0].attempt(), 2u);
}

TEST_F(PublishSessionTest, AJobThatAnotherWorkerTookOverDoesNotGoOn) {
  Connect();
  session_.OnResponse(Lost(2));  // ours was 1
  session_.Add(Line("old"));
  session_.Add(Progress("a", 0.1, 3));
  ASSERT_TRUE(Next());
  EXPECT_THAT(Attempts(request_.batch()), ElementsAre(1, 3));
  session_.OnResponse(Lost(1));  // an old word changes nothing
  session_.Add(Line("old"));
  ASSERT_TRUE(Next());
  EXPECT_THAT(Attempts(request_.batch()), ElementsAre(1));
}

TEST_F(PublishSessionTest, AWorkerThatWasReplacedDoesNotGoOnWhateverItTookForItsOwn) {
  Connect();
  session_.OnResponse(Lost(1));
  session_.Add(Line("ours is 2"));
  v1::PublishStreamResponse replaced = Lost(2);
  replaced.mutable_lost(0)->set_replaced(true);
  for (int i = 0; i < 2; ++i) session_.OnResponse(replaced);
  session_.Add(Progress("a", 0.1, 1));
  session_.Add(Progress("a", 0.1, 2));
  ASSERT_TRUE(Next());
  EXPECT_THAT(Attempts(request_.batch()), ElementsAre(2, 1, 2));
  EXPECT_THAT(session_.TakeLost(), SizeIs(2)) << "each once";
  session_.OnResponse(Lost(3));  // which it may have begun later
  session_.Add(Progress("a", 0.1, 3));
  ASSERT_TRUE(Next());
  EXPECT_THAT(Attempts(request_.batch()), ElementsAre(4));
}

TEST_F(PublishSessionTest, OldProgressStillGoesFirstAfterAJobWasLost) {
  for (const double fraction : {0.1, 0.2}) session_.Add(Progress("a", fraction));
  session_.OnResponse(Lost(1));
  session_.Add(Progress("a", 0.3));  // makes 0.2 old, too
  for (int i = 0; i < 6; ++i) session_.Add(Line(absl::StrCat("l", i)));
  session_.Add(Completed());
  EXPECT_EQ(session_.spool().dropped(), 2u);
  Connect();
  ASSERT_TRUE(Next());
  EXPECT_THAT(Texts(request_.batch()), ElementsAre("a 0.3", "l0", "l1", "l2", "l3", "l4", "l5", "completed"));
}

}  // namespace
}  // namespace milepost::client
