// Single sessions, step by step.
#include "tests/unit/edge/sse/session_steps.h"

namespace milepost::edge::sse {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(SessionStepsTest, BeginsWithHeadRetryAndConnected) {
  Start(Tail("job:1"));
  EXPECT_THAT(decoder_.head(), HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(decoder_.head(), HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(decoder_.head(), HasSubstr("Cache-Control: no-store\r\n"));
  EXPECT_THAT(decoder_.head(), HasSubstr("X-Accel-Buffering: no\r\n"));
  EXPECT_EQ(decoder_.retry_ms(), 777);
  ASSERT_EQ(decoder_.frames().size(), 1u);
  EXPECT_EQ(decoder_.frames()[0].data,
            R"({"type":"connected","resources":["job:1"],"cursor":"abcd1234-10","heartbeat":"10s"})");
  EXPECT_FALSE(decoder_.frames()[0].own_id);
}

TEST_F(SessionStepsTest, ABatchLeavesInOneWrite) {
  Start(Tail("job:1"));
  Events();
  writes_ = 0;
  std::vector<feed::FramePtr> batch;
  for (uint64_t seq = 11; seq < 1011; ++seq) batch.push_back(Notice(seq));
  Deliver(std::move(batch));
  EXPECT_EQ(Drain(), Session::Step::kIdle);
  EXPECT_EQ(writes_, 1);
  EXPECT_EQ(Events().size(), 1000u);
}

TEST_F(SessionStepsTest, LatestSkipsOlderProgressOfTheSameStepOnly) {
  StreamRequest request = Tail("job:1");
  request.latest_progress = true;
  Start(request);
  Events();
  Deliver({Progress(11, "a"), Progress(12, "b"), Notice(13), Progress(14, "a"), Progress(15, "c"), Progress(16, "a")});
  Drain();
  std::vector<std::string> ids;
  for (const test::SseFrame& frame : decoder_.frames()) ids.push_back(frame.id);
  EXPECT_THAT(ids, ElementsAre("abcd1234-12", "abcd1234-13", "abcd1234-15", "abcd1234-16"));
}

TEST_F(SessionStepsTest, AHeartbeatTellsThePositionAndIsNoEvent) {
  StreamRequest request = Tail("job:1");
  request.types = {"warning"};
  Start(request);
  Events();
  Deliver({Notice(11), Notice(12)});
  Drain();
  EXPECT_THAT(Events(), IsEmpty());
  session_->Heartbeat(absl::FromUnixMillis(1'795'226'602'500));
  Drain();
  ASSERT_EQ(decoder_.frames().size(), 1u);
  EXPECT_FALSE(decoder_.frames()[0].has_data);
  EXPECT_EQ(decoder_.frames()[0].id, "abcd1234-12");
  EXPECT_THAT(decoder_.comments(), ElementsAre(" keepalive 2026-11-21T02:03:22.500Z"));
}

TEST_F(SessionStepsTest, AHeartbeatBeforeTheStreamIsPlacedHasNoId) {
  StreamRequest request = Tail("job:1");
  request.snapshot = true;  // wants a read, which does not come
  Start(request);
  session_->Heartbeat(absl::UnixEpoch());
  Drain();
  EXPECT_THAT(decoder_.frames(), IsEmpty());
  EXPECT_EQ(decoder_.comments().size(), 1u);
}

TEST_F(SessionStepsTest, AHeartbeatCanBeAnEvent) {
  StreamRequest request = Tail("job:1");
  request.event_heartbeat = true;
  Start(request);
  Events();
  session_->Heartbeat(absl::UnixEpoch());
  Drain();
  ASSERT_EQ(decoder_.frames().size(), 1u);
  EXPECT_EQ(decoder_.frames()[0].event, "heartbeat");
  EXPECT_EQ(decoder_.frames()[0].id, "abcd1234-10");
  EXPECT_EQ(decoder_.frames()[0].data,
            R"({"type":"heartbeat","time":"1970-01-01T00:00:00.000Z","cursor":"abcd1234-10"})");
}

TEST_F(SessionStepsTest, AGoodbyeFinishesAHalfWrittenFrameFirst) {
  Start(Tail("job:1"));
  Events();
  Deliver({Notice(11), Notice(12)});
  EXPECT_EQ(Drain(20), Session::Step::kWrite);
  session_->End(Goodbye::kDraining, 3000);
  EXPECT_EQ(Drain(), Session::Step::kEnd);
  EXPECT_THAT(Events(), ElementsAre("notice", "goodbye"));
  EXPECT_EQ(decoder_.retry_ms(), 3000);
  EXPECT_TRUE(decoder_.ended());
}

TEST_F(SessionStepsTest, AReaderThatDoesNotReadKeepsNoPage) {
  StreamRequest request = Tail("job:1");
  request.cursor = "earliest";
  Start(request);
  uint64_t ticket = 0;
  ASSERT_EQ(session_->Next(), Session::Step::kRead);
  session_->NextRead(ticket);
  auto page = std::make_shared<feed::Page>();
  page->position = {kEpoch, 10};
  for (uint64_t seq = 1; seq <= 10; ++seq) page->frames.push_back(Notice(seq));
  std::weak_ptr<feed::Page> alive = page;
  session_->OnPage(ticket, feed::PagePtr(std::move(page)));
  EXPECT_EQ(Drain(500), Session::Step::kWrite);
  EXPECT_TRUE(alive.expired());
  // When it reads again, it goes on behind what it got.
  EXPECT_EQ(Drain(), Session::Step::kRead);
  const size_t got = Events().size();
  EXPECT_GT(got, 1u);
  EXPECT_EQ(session_->NextRead(ticket).after, contract::FormatCursor(kEpoch, got - 1));
}

TEST_F(SessionStepsTest, AnAnswerOfAnotherEpochThanTheTrunksIsNotUsed) {
  StreamRequest request;
  request.resources = {"job:1"};
  Start(request);
  uint64_t ticket = 0;
  ASSERT_EQ(session_->Next(), Session::Step::kRead);
  session_->NextRead(ticket);
  auto page = std::make_shared<feed::Page>();
  page->position = {"other567", 12};
  session_->OnPage(ticket, feed::PagePtr(std::move(page)));
  EXPECT_TRUE(session_->read_failed());
  EXPECT_EQ(Drain(), Session::Step::kIdle);
  EXPECT_THAT(Events(), Each("")) << "not placed";
}

TEST_F(SessionStepsTest, ResetsCarryTheirReason) {
  StreamRequest request = Tail("job:1");
  request.cursor = "rubbish\nid: 5";
  Start(request);
  uint64_t ticket = 0;
  ASSERT_EQ(session_->Next(), Session::Step::kRead);
  EXPECT_EQ(session_->NextRead(ticket).after, "malformed");
  auto page = std::make_shared<feed::Page>();
  page->position = {kEpoch, 12};
  page->reset.emplace();
  page->reset->set_reason(v1::Reset::MALFORMED);
  page->reset->set_oldest("abcd1234-3");
  page->snapshots.push_back(Snapshot("job:1", 2));
  session_->OnPage(ticket, feed::PagePtr(page));
  Drain();
  EXPECT_EQ(decoder_.frames()[1].data, R"({"type":"reset","reason":"malformed","oldest":"abcd1234-3"})");
  EXPECT_THAT(Events(), ElementsAre("connected", "reset", "snapshot"));
}

}  // namespace
}  // namespace milepost::edge::sse
