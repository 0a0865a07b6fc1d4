// Leases, stalls and deadlines.
#include "services/jobs/watch.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/services/jobs/watch_fixture.h"

namespace milepost::jobs {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using v1::Control;
using v1::JobState;

TEST_F(WatchTest, AWorkerThatIsHeardOfIsLeftAlone) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  Pass(20 * kMinute, {"p"});
  EXPECT_EQ(State(), JobState::RUNNING);
  EXPECT_EQ(said_, 0);
}

TEST_F(WatchTest, ASilentWorkersJobStallsOnceAndIsLostOnce) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  Pass(kDefaultLeaseNanos - kSecond);
  EXPECT_EQ(State(), JobState::RUNNING);
  Pass(kSecond);
  EXPECT_EQ(State(), JobState::STALLED);
  EXPECT_THAT(Job()->state.stalled_reason(), HasSubstr("the worker is silent: nothing was heard of it for 30 s"));
  Pass(kLostAfter - kSecond);
  EXPECT_EQ(State(), JobState::STALLED);
  EXPECT_EQ(said_, 1);
  Pass(kSecond);
  EXPECT_EQ(State(), JobState::FAILED);
  EXPECT_EQ(Job()->state.error().code(), "WORKER_LOST");
  EXPECT_TRUE(Job()->state.error().retryable());
  Pass(20 * kMinute);
  EXPECT_EQ(said_, 2);
  EXPECT_EQ(Ends(), 1);
}

TEST_F(WatchTest, ABrokenStreamLetsTheLeaseRunAndAReturningWorkerTakesTheStallBack) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::WAITING), "p");
  watch_.OnDisconnected("p", false, now_);
  Pass(29 * kSecond);
  EXPECT_EQ(State(), JobState::WAITING);
  Pass(2 * kSecond);
  EXPECT_EQ(State(), JobState::STALLED);
  EXPECT_THAT(Job()->state.stalled_reason(), HasSubstr("the worker's connection is lost"));
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Pass(kSecond, {"p"});
  EXPECT_EQ(State(), JobState::WAITING);
  EXPECT_FALSE(Job()->state.has_stalled_reason());
}

TEST_F(WatchTest, AReleasedLeaseAndAJobWithoutAStreamAreNotWaitedFor) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  Append(Status(JobState::RUNNING, "job:2"));
  watch_.OnDisconnected("p", true, now_);
  Pass(2 * kLostAfter);
  EXPECT_EQ(said_, 0);
}

TEST_F(WatchTest, AQueuedJobDoesNotNeedWhoQueuedIt) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::QUEUED), "p");
  watch_.OnDisconnected("p", false, now_);
  Pass(2 * kLostAfter);
  EXPECT_EQ(State(), JobState::QUEUED);
}

TEST_F(WatchTest, ALeaseOfItsOwnLengthIsKept) {
  watch_.OnConnected("p", 5 * kSecond, now_);
  Append(Status(JobState::RUNNING), "p");
  Pass(4 * kSecond);
  EXPECT_EQ(State(), JobState::RUNNING);
  Pass(kSecond);
  EXPECT_EQ(State(), JobState::STALLED);
}

TEST_F(WatchTest, TimeInWhichTheServiceDidNotWorkDoesNotCount) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  Pass(kSecond);
  now_ += kLostAfter + kMinute;  // stopped, and going on
  Pass(28 * kSecond);
  EXPECT_EQ(State(), JobState::RUNNING);
  Pass(3 * kSecond);
  EXPECT_EQ(State(), JobState::STALLED);
}

TEST_F(WatchTest, AShortPauseOfTheServiceDoesNotCountAgainstAShortLease) {
  watch_.OnConnected("p", 2 * kSecond, now_);
  Append(Status(JobState::RUNNING), "p");
  Pass(kSecond, {"p"});
  now_ += 3 * kSecond;
  Say(watch_.Due(now_, kWallStart + now_));
  EXPECT_EQ(said_, 0);
  Pass(3 * kSecond);
  EXPECT_EQ(State(), JobState::STALLED);
}

TEST_F(WatchTest, AStopOfASecondDoesNotCountAgainstALeaseOfASecond) {
  constexpr int64_t kSleep = kMaxSleepNanos / 2;
  watch_.OnConnected("p", kSecond, now_);
  Append(Status(JobState::RUNNING), "p");
  const auto sleep = [&](int64_t nanos) {
    now_ += nanos;
    watch_.OnSlept(now_);
  };
  for (const int64_t stop : {4 * kSleep, 3 * kSleep, 2 * kSleep + 1, 2 * kSleep, kSleep}) {
    Pass(kSecond, {"p"});
    sleep(kSleep);
    watch_.OnHeard("p", now_);
    sleep(kSleep);
    sleep(stop);
    Say(watch_.Due(now_, kWallStart + now_));
    EXPECT_EQ(said_, 0) << stop;
  }
  for (int i = 0; i < 4; ++i) sleep(kSleep);
  Say(watch_.Due(now_, kWallStart + now_));
  EXPECT_EQ(State(), JobState::STALLED) << "sleep counts";
}

TEST_F(WatchTest, AfterAStartWorkersHaveALeaseToComeBackIn) {
  Append(Status(JobState::RUNNING), "p");  // known from the log; its stream is not
  Pass(29 * kSecond);
  EXPECT_EQ(State(), JobState::RUNNING);
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Pass(kMinute, {"p"});
  EXPECT_EQ(said_, 0);
}

TEST_F(WatchTest, AfterAStartALongLeaseIsKeptAndAShortOneIsNoHurry) {
  for (const int64_t lease : {90 * kSecond, kSecond, int64_t{0}}) {
    const int64_t wait = std::max(lease, kDefaultLeaseNanos);
    SCOPED_TRACE(lease);
    const std::string producer = "p" + std::to_string(lease), job = "job:" + std::to_string(lease);
    Append(Status(JobState::RUNNING, job), producer);
    watch_.OnKnown(producer, lease);
    Pass(wait - kSecond);
    EXPECT_EQ(Job(job)->state.state(), JobState::RUNNING);
    Pass(kSecond);
    EXPECT_EQ(Job(job)->state.state(), JobState::STALLED);
    watch_.OnConnected(producer, kSecond, now_);
    watch_.OnKnown(producer, lease);
    Pass(kSecond, {producer});
    Pass(kSecond);
    EXPECT_EQ(Job(job)->state.state(), JobState::STALLED) << "a stream's own word holds";
  }
}

TEST_F(WatchTest, AStallOutlivesAStartUntilTheWorkerIsBack) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  watch_.OnDisconnected("p", false, now_);
  Pass(kMinute);
  ASSERT_EQ(State(), JobState::STALLED);
  std::destroy_at(&watch_);  // the service starts anew, and knows from the log
  std::construct_at(&watch_, kLostAfter);
  Show(JobChanges{.jobs = {Job()}});
  said_ = 0;
  Pass(kMinute);
  EXPECT_EQ(State(), JobState::STALLED);
  EXPECT_EQ(said_, 0) << "it is said once";
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Pass(2 * kSecond, {"p"});
  EXPECT_EQ(State(), JobState::RUNNING);
}

TEST_F(WatchTest, AProducerThatReturnsIsToldWhatItLost) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  watch_.OnDisconnected("p", false, now_);
  Pass(kLostAfter + kMinute);
  ASSERT_EQ(State(), JobState::FAILED);
  EXPECT_THAT(watch_.LostBy("other"), IsEmpty());
  ASSERT_THAT(losses_, SizeIs(1)) << "a stream that was silent is told at once";
  EXPECT_EQ(losses_[0].producer, "p");
  ASSERT_THAT(watch_.LostBy("p"), SizeIs(1));
  EXPECT_EQ(watch_.LostBy("p")[0].job(), "job:1");
  EXPECT_EQ(watch_.LostBy("p")[0].attempt(), 1u);
  v1::ProgressEvent next = Status(JobState::RUNNING);
  next.set_attempt(2);
  Append(next, "p");
  EXPECT_EQ(State(), JobState::RUNNING);
  EXPECT_THAT(watch_.LostBy("p"), IsEmpty());
}

// When the job is to be stalled, and when it is to be lost.
class WatchLateTest : public WatchTest, public ::testing::WithParamInterface<int64_t> {};
INSTANTIATE_TEST_SUITE_P(StalledAndLost, WatchLateTest, ::testing::Values(29 * kSecond, kLostAfter + 29 * kSecond));

TEST_P(WatchLateTest, AJobThatMovedInBetweenIsLeftAlone) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  Pass(GetParam());
  now_ += kSecond;
  const std::vector<Saying> late = watch_.Due(now_, kWallStart + now_);
  ASSERT_THAT(late, SizeIs(1));
  // What the watch has not seen yet when it speaks:
  v1::ProgressEvent progress = testing::MakeProgress("job:1", "a");
  Input input{.seq = ++seq_, .commit_nanos = kWallStart + now_, .event = &progress, .producer = "p", .number = 99};
  ASSERT_TRUE(fold_.Apply(input).is_event);
  for (const Saying& saying : late) EXPECT_FALSE(Append(saying.event, "", saying.only_after).is_event);
  EXPECT_EQ(State(), JobState::RUNNING);
}

TEST_F(WatchTest, AnAliveWorkerWhoseJobDoesNotMoveStallsUntilItMoves) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(testing::MakeProgress("job:1", "a"), "p");
  const int64_t limit = Job()->course.quiet_limit_nanos();
  ASSERT_EQ(limit, 5 * kMinute) << "nothing is known of its kind";
  Pass(limit - kSecond, {"p"});
  EXPECT_EQ(State(), JobState::RUNNING);
  Pass(kSecond, {"p"});
  EXPECT_EQ(State(), JobState::STALLED);
  EXPECT_EQ(Job()->state.stalled_reason(), "no progress for 300 s");
  Pass(kLostAfter + kMinute, {"p"});
  EXPECT_EQ(State(), JobState::STALLED) << "alive, so it is not lost, and being heard of is not moving";
  EXPECT_EQ(said_, 1);
  Append(testing::MakeProgress("job:1", "a"), "p");
  EXPECT_EQ(State(), JobState::RUNNING);
  EXPECT_FALSE(Job()->state.has_stalled_reason());
  Pass(limit, {"p"});
  EXPECT_EQ(State(), JobState::STALLED);
}

TEST_F(WatchTest, AStalledJobWhoseWorkerFallsSilentSaysSoOnce) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  Append(testing::MakeProgress("job:1", "a"), "p");
  Pass(5 * kMinute, {"p"});
  ASSERT_EQ(Job()->state.stalled_reason(), "no progress for 300 s");
  watch_.OnDisconnected("p", false, now_);
  Pass(29 * kSecond);
  EXPECT_EQ(said_, 1);
  Pass(kMinute);
  EXPECT_EQ(State(), JobState::STALLED);
  EXPECT_THAT(Job()->state.stalled_reason(), HasSubstr("the worker's connection is lost"));
  EXPECT_EQ(said_, 2);
  std::destroy_at(&watch_);  // the service starts anew, and knows from the log
  std::construct_at(&watch_, kLostAfter);
  Show(JobChanges{.jobs = {Job()}});
  Pass(kMinute);
  EXPECT_EQ(said_, 2) << "it is said once";
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Pass(kSecond, {"p"});
  EXPECT_EQ(State(), JobState::RUNNING) << "what it was before it was stalled at all";
  Pass(6 * kMinute, {"p"});
  EXPECT_EQ(State(), JobState::STALLED);
  EXPECT_THAT(Job()->state.stalled_reason(), HasSubstr("no progress for "));
}

TEST_F(WatchTest, AStalledJobWhoseWorkerDoesNotComeBackAfterAStartSaysSoOnce) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(testing::MakeProgress("job:1", "a"), "p");
  Pass(5 * kMinute, {"p"});
  ASSERT_EQ(State(), JobState::STALLED);
  std::destroy_at(&watch_);
  std::construct_at(&watch_, kLostAfter);
  Show(JobChanges{.jobs = {Job()}});
  Pass(2 * kMinute);
  EXPECT_THAT(Job()->state.stalled_reason(), HasSubstr("the worker's connection is lost"));
  EXPECT_EQ(said_, 2);
}

TEST_F(WatchTest, ADeadlinePasses) {
  v1::ProgressEvent event = Status(JobState::RUNNING);
  event.mutable_status()->mutable_deadline()->set_seconds((kWallStart + now_) / kSecond + 60);
  Append(event);
  Pass(59 * kSecond);
  EXPECT_EQ(State(), JobState::RUNNING);
  Pass(kSecond);
  EXPECT_EQ(State(), JobState::FAILED);
  EXPECT_EQ(Job()->state.error().code(), "DEADLINE_EXCEEDED");
  Pass(kMinute);
  EXPECT_EQ(Ends(), 1);
}

TEST_F(WatchTest, ADeadlineIsOfItsAttemptAlone) {
  const auto with_deadline = [&](uint32_t attempt) {
    v1::ProgressEvent event = Status(JobState::RUNNING);
    event.set_attempt(attempt);
    event.mutable_status()->mutable_deadline()->set_seconds((kWallStart + now_) / kSecond + 60);
    return event;
  };
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(with_deadline(1), "p");
  Pass(kMinute, {"p"});
  ASSERT_EQ(Job()->state.error().code(), "DEADLINE_EXCEEDED");
  EXPECT_TRUE(Reply(Ask(Control::RETRY), Control::RETRY, Control::HONOURED).is_event);
  v1::ProgressEvent queued = Status(JobState::QUEUED);
  queued.set_attempt(2);
  Append(queued, "p");
  EXPECT_FALSE(Job()->state.has_deadline());
  Pass(5 * kMinute, {"p"});
  EXPECT_EQ(State(), JobState::QUEUED) << "the first attempt's deadline has passed, and is over";
  Append(with_deadline(2), "p");
  Pass(kMinute - kSecond, {"p"});
  EXPECT_EQ(State(), JobState::RUNNING);
  Pass(kSecond, {"p"});
  EXPECT_EQ(Job()->state.error().code(), "DEADLINE_EXCEEDED");
  EXPECT_EQ(Ends(), 2);
}

TEST_F(WatchTest, AFarDeadlineIsNoOverflow) {
  v1::ProgressEvent event = Status(JobState::RUNNING);
  event.mutable_status()->mutable_deadline()->set_seconds(253'402'300'799);
  Append(event);
  Pass(kMinute);
  EXPECT_EQ(State(), JobState::RUNNING);
}

TEST_F(WatchTest, APauseBeforeTheFirstLookDoesNotCountEither) {
  watch_.OnConnected("p", 2 * kSecond, now_);
  Append(Status(JobState::RUNNING), "p");
  now_ += 10 * kSecond;
  Say(watch_.Due(now_, kWallStart + now_));
  EXPECT_EQ(said_, 0);
}

}  // namespace
}  // namespace milepost::jobs
