// Single sessions, step by step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/sse/session.h"
#include "proto/contract/cursor.h"
#include "tests/support/stream_decoder.h"

namespace milepost::edge::sse {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kEpoch[] = "abcd1234";

// A session whose socket takes everything, over a trunk that is open at position 10.
class SessionStepsTest : public ::testing::Test {
 protected:
  SessionStepsTest() : table_(feed::FeedTableOptions{}) {
    table_.OpenTrunk(10);
    table_.OnOpened({kEpoch, 10});
  }
  ~SessionStepsTest() override {
    if (session_ != nullptr) table_.Leave(*session_, 0);
  }

  void Start(StreamRequest request, std::string follow_job = "") {
    SessionOptions options;
    options.retry_ms = 777;
    following_ = !follow_job.empty();
    options.follow_job = std::move(follow_job);
    session_ = std::make_unique<Session>(std::move(request), options, table_, [](bool) {});
    session_->Start();
    if (const auto update = table_.NextUpdate(100)) table_.OnApplied(update->revision, 11);
    Drain();
  }

  static StreamRequest Tail(const std::string& resource) {
    StreamRequest request;
    request.resources = {resource};
    request.snapshot = false;
    return request;
  }

  feed::FramePtr Event(uint64_t seq, const std::function<void(v1::ProgressEvent&)>& fill) {
    v1::ProgressEvent event;
    event.set_job("job:1");
    event.set_seq(seq);
    fill(event);
    return std::make_shared<const feed::Frame>(event, kEpoch);
  }
  feed::FramePtr Notice(uint64_t seq) {
    return Event(seq, [](v1::ProgressEvent& event) { event.mutable_notice()->set_text("n"); });
  }
  feed::FramePtr Progress(uint64_t seq, const std::string& step) {
    return Event(seq, [&](v1::ProgressEvent& event) { event.mutable_progress()->set_step(step); });
  }

  void Deliver(std::vector<feed::FramePtr> frames) {
    const uint64_t through = frames.back()->seq();
    table_.OnEvents(frames, {kEpoch, through});
  }

  // Lets the session write until it has nothing to say; the last step.
  Session::Step Drain(size_t budget = SIZE_MAX) {
    std::vector<Piece> pieces;
    while (session_->Next() == Session::Step::kWrite || AnswerEndCheck()) {
      if (session_->Next() != Session::Step::kWrite) continue;
      session_->Gather(pieces);
      std::string bytes;
      for (const Piece& piece : pieces) bytes.append(piece.bytes.data(), piece.bytes.size());
      const size_t sent = std::min(budget, bytes.size());
      budget -= sent;
      session_->Sent(pieces, sent, sent < bytes.size());
      decoder_.Feed(absl::string_view(bytes).substr(0, sent));
      ++writes_;
      if (sent < bytes.size()) return Session::Step::kWrite;
    }
    EXPECT_EQ(decoder_.error(), "");
    return session_->Next();
  }

  // A followed stream asks whether its job had ended before; `ends_` is what the log holds of that.
  bool AnswerEndCheck() {
    if (!following_ || session_->Next() != Session::Step::kRead) return false;
    uint64_t ticket = 0;
    const feed::ReadSpec spec = session_->NextRead(ticket);
    EXPECT_THAT(spec.types, ElementsAre("job-completed", "job-failed", "job-cancelled"));
    auto page = std::make_shared<feed::Page>();
    page->position = *table_.position();
    page->frames = ends_;
    session_->OnPage(ticket, feed::PagePtr(std::move(page)));
    return true;
  }

  std::vector<std::string> Events() {
    std::vector<std::string> names;
    for (const test::SseFrame& frame : std::exchange(decoder_.frames(), {})) names.push_back(frame.event);
    return names;
  }

  feed::FeedTable table_;
  std::unique_ptr<Session> session_;
  test::StreamDecoder decoder_;
  int writes_ = 0;
  bool following_ = false;
  std::vector<feed::FramePtr> ends_;
};

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

TEST_F(SessionStepsTest, AJobsStreamEndsAfterTheJobHowSlowlyItMayBeRead) {
  for (size_t budget : {1, 7, 100, 250, 1000}) {
    decoder_ = test::StreamDecoder();
    if (session_ != nullptr) table_.Leave(*session_, 0);
    Start(Tail("job:1"), "job:1");
    const uint64_t base = table_.position()->seq;
    Deliver({Notice(base + 1), Notice(base + 2),
             Event(base + 3, [](v1::ProgressEvent& event) { event.mutable_completed(); }), Notice(base + 4)});
    while (Drain(budget) != Session::Step::kEnd) {
    }
    EXPECT_THAT(Events(), ElementsAre("connected", "notice", "notice", "job-completed", "goodbye")) << budget;
    EXPECT_TRUE(decoder_.ended());
  }
}

TEST_F(SessionStepsTest, AJobsStreamEndsEvenIfTheEndIsFilteredOut) {
  StreamRequest request = Tail("job:1");
  request.types = {"notice"};
  Start(request, "job:1");
  Deliver({Notice(11), Event(12, [](v1::ProgressEvent& event) { event.mutable_cancelled(); })});
  EXPECT_EQ(Drain(), Session::Step::kEnd);
  EXPECT_THAT(Events(), ElementsAre("connected", "notice", "goodbye"));
}

TEST_F(SessionStepsTest, AnotherJobsEndDoesNotEndTheStream) {
  Start(Tail("job:1"), "job:1");
  Deliver({Event(11, [](v1::ProgressEvent& event) {
    event.set_job("job:2");
    event.add_resources("job:1");
    event.mutable_completed();
  })});
  EXPECT_EQ(Drain(), Session::Step::kIdle);
  EXPECT_THAT(Events(), ElementsAre("connected", "job-completed"));
}

TEST_F(SessionStepsTest, AfterARetryableFailureTheStreamWaitsTenMinutesForTheNextAttempt) {
  Start(Tail("job:1"), "job:1");
  const auto fail = [](v1::ProgressEvent& event) {
    event.mutable_failed()->set_code("PROVIDER");
    event.mutable_failed()->set_retryable(true);
  };
  Deliver({Event(11, fail)});
  EXPECT_EQ(Drain(), Session::Step::kIdle);
  const absl::Time failed = absl::UnixEpoch();
  session_->CheckRetryWait(failed);
  session_->CheckRetryWait(failed + kRetryWait - absl::Seconds(1));
  EXPECT_EQ(Drain(), Session::Step::kIdle);
  // The next attempt begins: the clock is set back. (A late word of the failed one does not.)
  Deliver({Notice(12)});
  EXPECT_EQ(Drain(), Session::Step::kIdle);
  session_->CheckRetryWait(failed + kRetryWait - absl::Seconds(1));
  Deliver({Event(13, [](v1::ProgressEvent& event) {
    event.set_attempt(2);
    event.mutable_notice();
  })});
  EXPECT_EQ(Drain(), Session::Step::kIdle);
  session_->CheckRetryWait(failed + 2 * kRetryWait);
  EXPECT_EQ(Drain(), Session::Step::kIdle);
  Deliver({Event(14, [&](v1::ProgressEvent& event) {
    event.set_attempt(2);
    fail(event);
  })});
  EXPECT_EQ(Drain(), Session::Step::kIdle);
  session_->CheckRetryWait(failed + 2 * kRetryWait);
  session_->CheckRetryWait(failed + 3 * kRetryWait);
  EXPECT_EQ(Drain(), Session::Step::kEnd);
  EXPECT_THAT(Events(), ElementsAre("connected", "job-failed", "notice", "notice", "job-failed", "goodbye"));
}

TEST_F(SessionStepsTest, AStreamOfAJobThatHadEndedEndsAtOnce) {
  ends_ = {Event(5, [](v1::ProgressEvent& event) { event.mutable_completed(); }), Event(7, [](v1::ProgressEvent& event) {
             event.set_job("job:2");
             event.add_resources("job:1");
             event.mutable_failed()->set_retryable(true);
           })};
  Start(Tail("job:1"), "job:1");
  EXPECT_EQ(Drain(), Session::Step::kEnd);
  EXPECT_THAT(Events(), ElementsAre("connected", "goodbye"));
}

TEST_F(SessionStepsTest, AStreamThatBeginsAfterARetryableFailureWaitsTenMinutesToo) {
  ends_ = {Event(5, [](v1::ProgressEvent& event) { event.mutable_failed()->set_retryable(true); })};
  Start(Tail("job:1"), "job:1");
  EXPECT_EQ(Drain(), Session::Step::kIdle);
  session_->CheckRetryWait(absl::UnixEpoch());
  session_->CheckRetryWait(absl::UnixEpoch() + kRetryWait);
  EXPECT_EQ(Drain(), Session::Step::kEnd);
}

TEST_F(SessionStepsTest, AResetForgetsHowTheOldLogsJobEnded) {
  ends_ = {Event(5, [](v1::ProgressEvent& event) { event.mutable_failed()->set_retryable(true); })};
  Start(Tail("job:1"), "job:1");
  ends_.clear();
  session_->CheckRetryWait(absl::UnixEpoch());
  table_.OnReset(v1::Reset::EPOCH, "eeeeeeee-0", {"eeeeeeee", 0});
  session_->CheckRetryWait(absl::UnixEpoch() + kRetryWait);
  EXPECT_EQ(session_->Next(), Session::Step::kRead);  // its snapshots
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
  page->snapshots.push_back({"job:1", "{}"});
  session_->OnPage(ticket, feed::PagePtr(page));
  Drain();
  EXPECT_EQ(decoder_.frames()[1].data, R"({"type":"reset","reason":"malformed","oldest":"abcd1234-3"})");
  EXPECT_THAT(Events(), ElementsAre("connected", "reset", "snapshot"));
}

}  // namespace
}  // namespace milepost::edge::sse
