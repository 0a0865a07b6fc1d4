// Leases, stalls, deadlines and requests, on a clock that the test moves and a fold that judges what is said.
#include "services/jobs/watch.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/jobs/fold.h"
#include "tests/support/events.h"

namespace milepost::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using v1::Control;
using v1::JobState;

constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kLostAfter = 10 * kMinute;
constexpr int64_t kWallStart = int64_t{1'700'000'000} * kSecond;

// A log whose records are seen at once, with what the service says appended to it.
class WatchTest : public ::testing::Test {
 protected:
  Verdict Append(v1::ProgressEvent event, const std::string& producer = "", uint64_t only_after = 0) {
    Input input{.seq = ++seq_, .commit_nanos = kWallStart + now_, .event = &event, .producer = producer, .only_after = only_after};
    if (!producer.empty()) input.number = ++numbers_[producer];
    Verdict verdict = fold_.Apply(input);
    if (verdict.is_event) log_.push_back(event);
    Show(fold_.TakeChanges());
    return verdict;
  }

  void Show(const JobChanges& changes) {
    Words words = watch_.OnJobs(changes, now_);
    commands_.insert(commands_.end(), words.commands.begin(), words.commands.end());
    losses_.insert(losses_.end(), words.losses.begin(), words.losses.end());
    Say(std::move(words.sayings));
  }

  void Say(std::vector<Saying> sayings) {
    for (Saying& saying : sayings) {
      ++said_;
      Append(std::move(saying.event), "", saying.only_after);
    }
  }

  // Time goes on; the producers in `alive` are heard of every second.
  void Pass(int64_t nanos, const std::vector<std::string>& alive = {}) {
    for (const int64_t end = now_ + nanos; now_ < end;) {
      now_ += kSecond;
      for (const std::string& producer : alive) watch_.OnHeard(producer, now_);
      Say(watch_.Due(now_, kWallStart + now_));
    }
  }

  v1::ProgressEvent Status(JobState::State state, const std::string& job = "job:1") {
    v1::ProgressEvent event;
    event.set_job(job);
    event.mutable_status()->set_state(static_cast<v1::JobStatus::State>(state));
    return event;
  }

  uint64_t Ask(Control::Action action, int64_t deadline = kMinute) {
    v1::ProgressEvent event;
    event.set_job("job:1");
    event.mutable_control()->set_action(action);
    event.mutable_control()->set_phase(Control::REQUESTED);
    event.mutable_control()->mutable_deadline()->set_seconds((kWallStart + now_ + deadline) / kSecond);
    return Append(event).seq;
  }

  Verdict Reply(uint64_t request, Control::Action action, Control::Phase phase) {
    v1::ProgressEvent event;
    event.set_job("job:1");
    event.mutable_control()->set_request(request);
    event.mutable_control()->set_action(action);
    event.mutable_control()->set_phase(phase);
    return Append(event, "p");
  }

  v1::ProgressEvent End(bool completed, uint32_t attempt = 1) {
    v1::ProgressEvent event;
    event.set_job("job:1");
    event.set_attempt(attempt);
    completed ? (void)event.mutable_completed() : event.mutable_failed()->set_code("X");
    return event;
  }

  JobPtr Job(const std::string& name = "job:1") {
    JobPtr found;
    fold_.ForEachJob([&](const JobPtr& job) {
      if (job->name() == name) found = job;
    });
    return found;
  }
  JobState::State State() { return Job()->state.state(); }
  // The phases that were told of a request, in order.
  std::vector<Control::Phase> Phases(uint64_t request) {
    std::vector<Control::Phase> phases;
    for (const v1::ProgressEvent& event : log_) {
      if (event.has_control() && event.control().request() == request) phases.push_back(event.control().phase());
    }
    return phases;
  }
  int Ends() {
    return std::count_if(log_.begin(), log_.end(), [](const auto& e) { return e.has_failed() || e.has_completed() || e.has_cancelled(); });
  }

  Fold fold_;
  Watch watch_{kLostAfter};
  int64_t now_ = 1000 * kSecond;
  uint64_t seq_ = 0;
  int said_ = 0;
  std::map<std::string, uint64_t> numbers_;
  std::vector<v1::ProgressEvent> log_;
  std::vector<Command> commands_;
  std::vector<Loss> losses_;
};

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

TEST_F(WatchTest, ARequestIsHandedOverOnceAndAnswered) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  const uint64_t request = Ask(Control::PAUSE);
  EXPECT_EQ(Ask(Control::PAUSE), request) << "asked again";
  ASSERT_THAT(commands_, SizeIs(1));
  EXPECT_EQ(commands_[0].producer, "p");
  EXPECT_EQ(commands_[0].command.request(), request);
  EXPECT_EQ(commands_[0].command.action(), Control::PAUSE);
  EXPECT_THAT(watch_.CommandsFor("p"), SizeIs(1)) << "for a worker that connects again";
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
  EXPECT_THAT(watch_.CommandsFor("p"), IsEmpty());
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
  EXPECT_THAT(watch_.CommandsFor("p"), IsEmpty());
  EXPECT_THAT(watch_.CommandsFor("q"), SizeIs(1));
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

TEST_F(WatchTest, AJobThatGoesOnWithoutAStreamHasNoLease) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  Append(Status(JobState::RUNNING, "job:2"), "p");
  watch_.OnDisconnected("p", false, now_);
  Append(testing::MakeProgress("job:1", "a"));
  v1::ProgressEvent next = testing::MakeNotice("job:2");
  next.set_attempt(2);
  Append(next);
  Pass(4 * kMinute);
  EXPECT_EQ(said_, 0);
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
  EXPECT_EQ(Job()->state.error().code(), "WORKER_LOST");
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
