// Requests to workers: handed over, answered, refused, timed out.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/jobs/watch.h"
#include "tests/unit/services/jobs/watch_fixture.h"

namespace milepost::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using v1::Control;
using v1::JobState;

TEST_F(WatchTest, ARequestIsHandedOverOnceAndAnswered) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  const uint64_t request = Ask(Control::PAUSE);
  EXPECT_EQ(Ask(Control::PAUSE), request) << "asked again";
  ASSERT_THAT(commands_, SizeIs(1));
  EXPECT_EQ(commands_[0].producer, "p");
  EXPECT_EQ(commands_[0].command.request(), request);
  EXPECT_EQ(commands_[0].command.action(), Control::PAUSE);
  EXPECT_THAT(Commands("p"), SizeIs(1)) << "for a worker that connects again";
  Append(testing::MakeProgress("job:1", "a"), "p");
  EXPECT_FALSE(Reply(request, Control::CANCEL, Control::HONOURED).is_event) << "another action was asked for";
  EXPECT_TRUE(Reply(request, Control::PAUSE, Control::DELIVERED).is_event);
  EXPECT_FALSE(Reply(request, Control::PAUSE, Control::DELIVERED).is_event);
  EXPECT_TRUE(Reply(request, Control::PAUSE, Control::HONOURED).is_event);
  EXPECT_EQ(State(), JobState::PAUSED);
  EXPECT_FALSE(Reply(request, Control::PAUSE, Control::REFUSED).is_event);
  Pass(5 * kMinute, {"p"});
  EXPECT_THAT(Phases(request), ElementsAre(Control::DELIVERED, Control::HONOURED));
  EXPECT_THAT(commands_, SizeIs(1));
  EXPECT_THAT(Commands("p"), IsEmpty());
}

TEST_F(WatchTest, ARequestThatIsNotAnsweredTimesOutOnce) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  const uint64_t request = Ask(Control::CANCEL, 10 * kSecond);
  Pass(9 * kSecond, {"p"});
  EXPECT_THAT(Phases(request), IsEmpty());
  Pass(kMinute, {"p"});
  EXPECT_THAT(Phases(request), ElementsAre(Control::TIMED_OUT));
  EXPECT_FALSE(Reply(request, Control::CANCEL, Control::HONOURED).is_event);
  EXPECT_EQ(State(), JobState::RUNNING);
  EXPECT_NE(Ask(Control::CANCEL), request);
}

TEST_F(WatchTest, CancelTakesThePlaceOfPauseAndResume) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  const uint64_t pause = Ask(Control::PAUSE), resume = Ask(Control::RESUME), cancel = Ask(Control::CANCEL);
  EXPECT_THAT(Phases(pause), ElementsAre(Control::REFUSED));
  EXPECT_THAT(Phases(resume), ElementsAre(Control::REFUSED));
  EXPECT_THAT(Phases(cancel), IsEmpty());
  EXPECT_TRUE(Reply(cancel, Control::CANCEL, Control::HONOURED).is_event);
  EXPECT_EQ(State(), JobState::CANCELLING);
  EXPECT_EQ(Ask(Control::CANCEL), cancel) << "it is winding down for that request";
  EXPECT_FALSE(Reply(cancel, Control::CANCEL, Control::HONOURED).is_event) << "it was honoured before";
  Pass(5 * kMinute, {"p"});
  EXPECT_THAT(Phases(cancel), ElementsAre(Control::HONOURED));
  v1::ProgressEvent cancelled;
  cancelled.set_job("job:1");
  cancelled.mutable_cancelled();
  Append(cancelled, "p");
  EXPECT_EQ(watch_.size(), 0u);
}

TEST_F(WatchTest, AQueuedJobWithoutAWorkerIsCancelledAtOnce) {
  Append(Status(JobState::QUEUED));
  const uint64_t request = Ask(Control::CANCEL);
  EXPECT_THAT(Phases(request), ElementsAre(Control::HONOURED));
  EXPECT_EQ(State(), JobState::CANCELLED);
  EXPECT_EQ(Ends(), 1);
  EXPECT_TRUE(absl::IsFailedPrecondition([&] {
    v1::ProgressEvent event;
    event.set_job("job:1");
    event.mutable_control()->set_action(Control::CANCEL);
    event.mutable_control()->set_phase(Control::REQUESTED);
    return Append(event).status;
  }()));
}

TEST_F(WatchTest, ARequestThatIsOpenAtTheEndOfTheJobIsRefused) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  const uint64_t request = Ask(Control::CANCEL);
  Append(End(true), "p");
  EXPECT_THAT(Phases(request), ElementsAre(Control::REFUSED));
  EXPECT_EQ(watch_.size(), 0u);
}

TEST_F(WatchTest, RetryIsForFailedAndCancelledJobsOnly) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  v1::ProgressEvent retry;
  retry.set_job("job:1");
  retry.mutable_control()->set_action(Control::RETRY);
  retry.mutable_control()->set_phase(Control::REQUESTED);
  EXPECT_TRUE(absl::IsFailedPrecondition(Append(retry).status));
  Append(End(false), "p");
  const uint64_t request = Ask(Control::RETRY);
  ASSERT_THAT(commands_, SizeIs(1));
  EXPECT_EQ(commands_[0].command.action(), Control::RETRY);
  EXPECT_TRUE(Reply(request, Control::RETRY, Control::HONOURED).is_event);
  v1::ProgressEvent queued = Status(JobState::QUEUED);
  queued.set_attempt(2);
  Append(queued, "p");
  EXPECT_EQ(State(), JobState::QUEUED);
  EXPECT_EQ(Job()->state.attempt(), 2u);
  EXPECT_FALSE(Append(End(true, 1), "p").is_event) << "the first attempt is over";
}

TEST_F(WatchTest, ARequestFollowsTheJobToTheWorkerThatPublishesForItNow) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  const uint64_t request = Ask(Control::CANCEL);
  v1::ProgressEvent next = Status(JobState::RUNNING);
  next.set_attempt(2);
  Append(next, "q");
  ASSERT_THAT(commands_, SizeIs(2));
  EXPECT_EQ(commands_[1].producer, "q");
  EXPECT_EQ(commands_[1].command.request(), request);
  EXPECT_THAT(Commands("p"), IsEmpty());
  EXPECT_THAT(Commands("q"), SizeIs(1));
  EXPECT_FALSE(Reply(request, Control::CANCEL, Control::HONOURED).is_event) << "p is not its worker any more";
  EXPECT_EQ(State(), JobState::RUNNING);
}

TEST_F(WatchTest, ARequestThatWasTakenAndNotAnsweredGoesToTheNextWorker) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  const uint64_t request = Ask(Control::CANCEL);
  EXPECT_TRUE(Reply(request, Control::CANCEL, Control::DELIVERED).is_event);
  v1::ProgressEvent next = Status(JobState::RUNNING);
  next.set_attempt(2);
  Append(next, "q");
  ASSERT_THAT(commands_, SizeIs(2));
  EXPECT_EQ(commands_[1].producer, "q");
}

TEST_F(WatchTest, WhatIsCancellingIsNotStalledAndStillEnds) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  const uint64_t pause = Ask(Control::PAUSE);
  const uint64_t cancel = Ask(Control::CANCEL);
  EXPECT_TRUE(Reply(cancel, Control::CANCEL, Control::HONOURED).is_event);
  EXPECT_FALSE(Reply(pause, Control::PAUSE, Control::HONOURED).is_event);
  const uint64_t before = seq_;
  EXPECT_EQ(Ask(Control::RESUME), 0u) << "refused";
  EXPECT_EQ(seq_, before + 1);
  Pass(kLostAfter);
  EXPECT_EQ(State(), JobState::CANCELLING);
  Pass(kMinute);
  EXPECT_EQ(State(), JobState::CANCELLED) << "it was asked for and honoured, and nobody is left to say so";
  EXPECT_TRUE(log_.back().has_cancelled());
  EXPECT_EQ(Ends(), 1);
  EXPECT_THAT(losses_, IsEmpty());
}

TEST_F(WatchTest, ControlSaysWhichAttemptItIsOf) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  v1::ProgressEvent running = Status(JobState::RUNNING);
  running.set_attempt(2);
  Append(running, "p");
  Reply(Ask(Control::PAUSE), Control::PAUSE, Control::DELIVERED);
  ASSERT_THAT(log_, SizeIs(3));
  for (const v1::ProgressEvent& event : log_) EXPECT_EQ(event.attempt(), 2u) << event.event_case();
}

TEST_F(WatchTest, NothingIsPausedOrResumedThatIsToBeCancelled) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  Ask(Control::CANCEL, 10 * kSecond);
  for (const Control::Action action : {Control::PAUSE, Control::RESUME}) EXPECT_EQ(Ask(action), 0u) << action;
  EXPECT_THAT(commands_, SizeIs(1));
  Pass(kMinute, {"p"});
  EXPECT_NE(Ask(Control::PAUSE), 0u) << "the request to cancel has timed out";
}

TEST_F(WatchTest, AnAnswerCountsUntilTheDeadline) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  const uint64_t pause = Ask(Control::PAUSE, 10 * kSecond);
  now_ += 10 * kSecond;  // the service was away
  EXPECT_THAT(Commands("p"), IsEmpty());
  for (const Control::Phase phase : {Control::DELIVERED, Control::HONOURED, Control::REFUSED}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(Reply(pause, Control::PAUSE, phase).status)) << phase;
  }
  Pass(kSecond, {"p"});
  EXPECT_THAT(Phases(pause), ElementsAre(Control::TIMED_OUT));
  EXPECT_EQ(State(), JobState::RUNNING);
}

TEST_F(WatchTest, AWorkerThatTookOverMayHaveARequestDeliveredAgain) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "q");
  const uint64_t pause = Ask(Control::PAUSE);
  Append(testing::MakeProgress("job:1", "a"), "p");
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(Reply(pause, Control::PAUSE, Control::DELIVERED).status.ok());
  EXPECT_THAT(Phases(pause), ElementsAre(Control::DELIVERED)) << "it is in the log once";
}

}  // namespace
}  // namespace milepost::jobs
