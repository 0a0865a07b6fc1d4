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

  void Start(StreamRequest request, std::string follow_job = "", bool answer = true) {
    SessionOptions options;
    options.retry_ms = 777;
    following_ = !follow_job.empty() && answer;
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
    while (session_->Next() == Session::Step::kWrite || AnswerStanding()) {
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

  // A followed stream asks where its job stands; `standing_` is the answer.
  bool AnswerStanding() {
    if (!following_ || session_->Next() != Session::Step::kRead) return false;
    uint64_t ticket = 0;
    const feed::ReadSpec spec = session_->NextRead(ticket);
    EXPECT_TRUE(spec.snapshot && spec.after.empty());
    EXPECT_THAT(spec.resources, ElementsAre("job:1"));
    auto page = std::make_shared<feed::Page>();
    page->position = *table_.position();
    page->snapshots = {Snapshot("job:1", 2)};
    page->snapshots[0].own = standing_;
    session_->OnPage(ticket, feed::PagePtr(std::move(page)));
    return true;
  }

  // A snapshot whose data has so many bytes, at least 2.
  static feed::SnapshotFrame Snapshot(const std::string& resource, size_t bytes) {
    return {resource, std::make_shared<const std::string>("{" + std::string(bytes - 2, ' ') + "}")};
  }

  // Answers the read that the session wants with these snapshots; what was asked for.
  feed::ReadSpec AnswerSnapshots(uint64_t position, std::vector<feed::SnapshotFrame> snapshots) {
    EXPECT_EQ(session_->Next(), Session::Step::kRead);
    uint64_t ticket = 0;
    const feed::ReadSpec spec = session_->NextRead(ticket);
    EXPECT_TRUE(spec.snapshot);
    auto page = std::make_shared<feed::Page>();
    page->position = {kEpoch, position};
    page->snapshots = std::move(snapshots);
    session_->OnPage(ticket, feed::PagePtr(std::move(page)));
    return spec;
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
  feed::JobStanding standing_;
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
  standing_ = {feed::JobEnd::kFinal, 1};
  Start(Tail("job:1"), "job:1");
  EXPECT_EQ(Drain(), Session::Step::kEnd);
  EXPECT_THAT(Events(), ElementsAre("connected", "goodbye"));
}

TEST_F(SessionStepsTest, ASnapshotOfAJobThatHasEndedIsFollowedByGoodbye) {
  StreamRequest request;
  request.resources = {"job:1"};
  Start(request, "job:1", /*answer=*/false);
  std::vector<feed::SnapshotFrame> snapshots = {Snapshot("job:1", 50)};
  snapshots[0].own = {feed::JobEnd::kFinal, 1};
  AnswerSnapshots(10, std::move(snapshots));
  EXPECT_EQ(Drain(), Session::Step::kEnd) << "without another read";
  EXPECT_EQ(decoder_.frames()[1].id, "abcd1234-10");
  EXPECT_THAT(Events(), ElementsAre("connected", "snapshot", "goodbye"));
}

TEST_F(SessionStepsTest, AnEarlierAttemptsEndIsNotTheJobsEnd) {
  // Cancelled at 8 and run again since; the reader stands at 7.
  StreamRequest request = Tail("job:1");
  request.cursor = "abcd1234-7";
  Start(request, "job:1", /*answer=*/false);
  uint64_t ticket = 0;
  ASSERT_EQ(session_->Next(), Session::Step::kRead);
  EXPECT_EQ(session_->NextRead(ticket).after, "abcd1234-7");
  auto page = std::make_shared<feed::Page>();
  page->position = {kEpoch, 10};
  page->frames = {Event(8, [](v1::ProgressEvent& event) { event.mutable_cancelled(); }), Notice(10)};
  session_->OnPage(ticket, feed::PagePtr(std::move(page)));
  EXPECT_EQ(Drain(), Session::Step::kRead) << "where the job stands comes first";
  standing_ = {feed::JobEnd::kNone, 2};
  following_ = true;
  EXPECT_EQ(Drain(), Session::Step::kIdle);
  EXPECT_THAT(Events(), ElementsAre("connected", "job-cancelled", "notice"));
}

TEST_F(SessionStepsTest, SnapshotsComeInOrderAndOnlyTheLastHasTheId) {
  for (const bool names : {true, false}) {
    decoder_ = test::StreamDecoder();
    if (session_ != nullptr) table_.Leave(*session_, 0);
    StreamRequest request;
    request.resources = {"job:1", "user:2", "job:3"};
    request.names = names;
    Start(request);
    const auto spec = AnswerSnapshots(12, {Snapshot("job:1", 5), Snapshot("user:2", 300'000), Snapshot("job:3", 2)});
    EXPECT_EQ(spec.resources, request.resources);
    Drain();
    const auto& frames = decoder_.frames();
    ASSERT_EQ(frames.size(), 4u);
    std::vector<size_t> sizes;
    for (size_t i = 1; i < 4; ++i) {
      sizes.push_back(frames[i].data.size());
      EXPECT_EQ(frames[i].own_id, i == 3) << i;
      EXPECT_EQ(frames[i].event, names ? "snapshot" : "");
    }
    EXPECT_THAT(sizes, ElementsAre(5u, 300'000u, 2u));
    EXPECT_EQ(frames[3].id, "abcd1234-12");
  }
}

TEST_F(SessionStepsTest, ASlowReaderKeepsAFewSnapshotsAndGetsTheRestAsTheyAreLater) {
  StreamRequest request;
  for (int i = 0; i < 100; ++i) request.resources.push_back("job:" + std::to_string(i));
  Start(request);
  std::vector<std::weak_ptr<const std::string>> alive;
  std::vector<feed::SnapshotFrame> snapshots;
  for (const std::string& name : request.resources) {
    snapshots.push_back(Snapshot(name, 256 << 10));
    alive.push_back(snapshots.back().json);
  }
  AnswerSnapshots(10, std::move(snapshots));
  EXPECT_EQ(Drain(1000), Session::Step::kWrite) << "the socket is full";
  const size_t kept = std::count_if(alive.begin(), alive.end(), [](const auto& json) { return !json.expired(); });
  EXPECT_LE(kept, kMaxWaitingSnapshots / (256 << 10) + 1);
  session_->Heartbeat(absl::UnixEpoch());
  EXPECT_EQ(Drain(), Session::Step::kRead);
  Deliver({Notice(11)});
  const size_t first = kept;
  for (size_t begin = first; begin < 100;) {
    std::vector<feed::SnapshotFrame> rest;
    const size_t end = std::min<size_t>(begin + kFewSnapshots, 100);
    for (size_t i = begin; i < end; ++i) rest.push_back(Snapshot(request.resources[i], 2));
    const auto spec = AnswerSnapshots(15, std::move(rest));
    EXPECT_EQ(spec.resources, std::vector<std::string>(request.resources.begin() + begin, request.resources.begin() + end));
    EXPECT_EQ(spec.at_least, 10u);
    Drain();
    begin = end;
  }
  // The id is where the first were taken: events follow from there.
  std::vector<std::string> ids;
  size_t count = 0;
  for (const test::SseFrame& frame : decoder_.frames()) {
    count += frame.event == "snapshot";
    if (frame.own_id) ids.push_back(frame.event + " " + frame.id);
  }
  EXPECT_EQ(count, 100u);
  EXPECT_THAT(ids, ElementsAre("snapshot abcd1234-10", "notice abcd1234-11"));
}

TEST_F(SessionStepsTest, FreshSnapshotsThatCameLaterAreNotOlderThanTheFirst) {
  StreamRequest request;
  request.resources = {"job:1", "job:2", "job:3"};
  request.fresh = {"job:2", "job:3"};
  request.cursor = "abcd1234-5";
  Start(request);
  AnswerSnapshots(10, {Snapshot("job:2", 2 << 20), Snapshot("job:3", 2)});
  uint64_t ticket = 0;
  ASSERT_EQ(session_->Next(), Session::Step::kRead);
  EXPECT_EQ(session_->NextRead(ticket).after, "abcd1234-5");
  auto page = std::make_shared<feed::Page>();
  page->position = {kEpoch, 6};
  page->frames = {Notice(6)};
  page->more = true;
  session_->OnPage(ticket, feed::PagePtr(std::move(page)));
  EXPECT_EQ(Drain(1000), Session::Step::kWrite) << "the socket is full";
  EXPECT_EQ(Drain(), Session::Step::kRead);
  // Events of job:3 are not sent before 10: a snapshot from before would leave a gap.
  const auto spec = AnswerSnapshots(12, {Snapshot("job:3", 2)});
  EXPECT_THAT(spec.resources, ElementsAre("job:3"));
  EXPECT_EQ(spec.at_least, 10u);
}

TEST_F(SessionStepsTest, SnapshotsTooLargeForOneAnswerAreReadInParts) {
  StreamRequest request;
  for (size_t i = 0; i < kFewSnapshots + 1; ++i) request.resources.push_back("job:" + std::to_string(i));
  Start(request);
  uint64_t ticket = 0;
  ASSERT_EQ(session_->Next(), Session::Step::kRead);
  session_->NextRead(ticket);
  session_->OnPage(ticket, absl::ResourceExhaustedError("larger than max"));
  session_->RetryRead();
  std::vector<feed::SnapshotFrame> snapshots;
  for (size_t i = 0; i < kFewSnapshots; ++i) snapshots.push_back(Snapshot(request.resources[i], 2));
  EXPECT_EQ(AnswerSnapshots(10, std::move(snapshots)).resources.size(), kFewSnapshots);
  EXPECT_EQ(Drain(), Session::Step::kRead);
  EXPECT_THAT(AnswerSnapshots(10, {Snapshot(request.resources.back(), 2)}).resources, ElementsAre(request.resources.back()));
  Drain();
  EXPECT_EQ(decoder_.frames().size(), kFewSnapshots + 2);
  EXPECT_EQ(decoder_.frames().back().id, "abcd1234-10");
}

TEST_F(SessionStepsTest, AStreamThatBeginsAfterARetryableFailureWaitsTenMinutesToo) {
  standing_ = {feed::JobEnd::kRetryable, 1};
  Start(Tail("job:1"), "job:1");
  EXPECT_EQ(Drain(), Session::Step::kIdle);
  session_->CheckRetryWait(absl::UnixEpoch());
  session_->CheckRetryWait(absl::UnixEpoch() + kRetryWait);
  EXPECT_EQ(Drain(), Session::Step::kEnd);
}

TEST_F(SessionStepsTest, AResetForgetsHowTheOldLogsJobEnded) {
  standing_ = {feed::JobEnd::kRetryable, 1};
  Start(Tail("job:1"), "job:1");
  standing_ = {};
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
  page->snapshots.push_back(Snapshot("job:1", 2));
  session_->OnPage(ticket, feed::PagePtr(page));
  Drain();
  EXPECT_EQ(decoder_.frames()[1].data, R"({"type":"reset","reason":"malformed","oldest":"abcd1234-3"})");
  EXPECT_THAT(Events(), ElementsAre("connected", "reset", "snapshot"));
}

}  // namespace
}  // namespace milepost::edge::sse
