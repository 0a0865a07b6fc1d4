// Streams that end with their job.
#include "tests/unit/edge/sse/session_steps.h"

namespace milepost::edge::sse {
namespace {

using ::testing::ElementsAre;

using SessionJobTest = SessionStepsTest;

TEST_F(SessionJobTest, AJobsStreamEndsAfterTheJobHowSlowlyItMayBeRead) {
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

TEST_F(SessionJobTest, AJobsStreamEndsEvenIfTheEndIsFilteredOut) {
  StreamRequest request = Tail("job:1");
  request.types = {"notice"};
  Start(request, "job:1");
  Deliver({Notice(11), Event(12, [](v1::ProgressEvent& event) { event.mutable_cancelled(); })});
  EXPECT_EQ(Drain(), Session::Step::kEnd);
  // An id without an event: a browser that comes back is behind the end.
  EXPECT_EQ(decoder_.frames().back().id, "abcd1234-12");
  EXPECT_THAT(Events(), ElementsAre("connected", "notice", "", "goodbye"));
}

TEST_F(SessionJobTest, AnotherJobsEndDoesNotEndTheStream) {
  Start(Tail("job:1"), "job:1");
  Deliver({Event(11, [](v1::ProgressEvent& event) {
    event.set_job("job:2");
    event.add_resources("job:1");
    event.mutable_completed();
  })});
  EXPECT_EQ(Drain(), Session::Step::kIdle);
  EXPECT_THAT(Events(), ElementsAre("connected", "job-completed"));
}

TEST_F(SessionJobTest, AfterARetryableFailureTheStreamWaitsTenMinutesForTheNextAttempt) {
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

TEST_F(SessionJobTest, AStreamOfAJobThatHadEndedEndsAtOnce) {
  standing_ = {feed::JobEnd::kFinal, 1};
  Start(Tail("job:1"), "job:1");
  EXPECT_EQ(Drain(), Session::Step::kEnd);
  EXPECT_THAT(Events(), ElementsAre("connected", "", "goodbye"));
}

TEST_F(SessionJobTest, ASnapshotOfAJobThatHasEndedIsFollowedByGoodbye) {
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

TEST_F(SessionJobTest, AnEarlierAttemptsEndIsNotTheJobsEnd) {
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

TEST_F(SessionJobTest, AStreamThatBeginsAfterARetryableFailureWaitsTenMinutesToo) {
  standing_ = {feed::JobEnd::kRetryable, 1};
  Start(Tail("job:1"), "job:1");
  EXPECT_EQ(Drain(), Session::Step::kIdle);
  session_->CheckRetryWait(absl::UnixEpoch());
  session_->CheckRetryWait(absl::UnixEpoch() + kRetryWait);
  EXPECT_EQ(Drain(), Session::Step::kEnd);
}

TEST_F(SessionJobTest, AResetForgetsHowTheOldLogsJobEnded) {
  standing_ = {feed::JobEnd::kRetryable, 1};
  Start(Tail("job:1"), "job:1");
  standing_ = {};
  session_->CheckRetryWait(absl::UnixEpoch());
  table_.OnReset(v1::Reset::EPOCH, "eeeeeeee-0", {"eeeeeeee", 0});
  session_->CheckRetryWait(absl::UnixEpoch() + kRetryWait);
  EXPECT_EQ(session_->Next(), Session::Step::kRead);  // its snapshots
}

}  // namespace
}  // namespace milepost::edge::sse
