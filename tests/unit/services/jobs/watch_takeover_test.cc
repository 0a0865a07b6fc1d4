// Which worker a job has when others report on it too, when it was silent, and when another one takes over.
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/jobs/watch.h"
#include "tests/unit/services/jobs/watch_fixture.h"

namespace milepost::jobs {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using v1::Control;
using v1::JobState;

TEST_F(WatchTest, WhoHasNoStreamTakesAJobOverOnlyWhereNobodyWorksOnIt) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::QUEUED), "p");
  Append(Status(JobState::RUNNING, "job:2"), "p");
  Append(testing::MakeNotice("job:3"), "p");
  watch_.OnDisconnected("p", false, now_);
  Append(Status(JobState::QUEUED));
  EXPECT_EQ(Job()->producer, "p") << "it is queued still";
  Append(testing::MakeProgress("job:1", "a"));
  v1::ProgressEvent next = testing::MakeNotice("job:2");
  next.set_attempt(2);
  Append(next);
  Append(Status(JobState::RUNNING, "job:3"));
  for (const char* job : {"job:1", "job:2", "job:3"}) EXPECT_EQ(Job(job)->producer, "") << job;
  Pass(4 * kMinute);
  EXPECT_EQ(said_, 0) << "nobody has a lease";
}

TEST_F(WatchTest, AWorkerKeepsTheJobThatOthersReportOnWithoutAStream) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  v1::ProgressEvent step;
  step.set_job("job:1");
  step.mutable_step()->set_id("render");
  step.mutable_step()->set_state(v1::StepStatus::STARTED);
  Append(step);
  Append(testing::MakeProgress("job:1", "render"));
  Append(Status(JobState::RUNNING));
  Ask(Control::PAUSE);
  ASSERT_THAT(commands_, SizeIs(1));
  EXPECT_EQ(commands_[0].producer, "p");
  watch_.OnDisconnected("p", false, now_);
  Pass(30 * kSecond);
  EXPECT_EQ(State(), JobState::STALLED);
  // Whoever reports goes on, which does not bring the worker back.
  for (int i = 0; i < 3; ++i) {
    Append(testing::MakeProgress("job:1", "render"));
    EXPECT_EQ(State(), JobState::RUNNING);
    Pass(kMinute);
    EXPECT_EQ(State(), JobState::RUNNING) << "that the worker is silent is said once";
  }
  Pass(kLostAfter);
  EXPECT_EQ(Job()->state.error().code(), "WORKER_LOST");
}

// What a worker says of an attempt.
class TakeoverTest : public WatchTest {
 protected:
  Verdict Says(const std::string& producer, uint32_t attempt, JobState::State state = JobState::RUNNING) {
    v1::ProgressEvent event = Status(state);
    if (attempt != 1) event.set_attempt(attempt);
    return Append(event, producer);
  }
  bool Refused(const Verdict& verdict) { return absl::IsFailedPrecondition(verdict.status); }
};

TEST_F(TakeoverTest, AWorkerThatWasLostCannotTakeTheAttemptOfTheNextOne) {
  Says("p", 1);
  Pass(kLostAfter + kMinute);
  ASSERT_EQ(Job()->state.error().code(), "WORKER_LOST");
  watch_.OnConnected("q", kDefaultLeaseNanos, now_);
  Says("q", 2);
  EXPECT_TRUE(Refused(Says("p", 2)));
  EXPECT_THAT(Says("p", 2).status.message(), HasSubstr("job:1 has another worker"));
  v1::ProgressEvent notice = testing::MakeNotice("job:1");
  notice.set_attempt(2);
  EXPECT_TRUE(Refused(Append(notice, "p")));
  EXPECT_TRUE(Refused(Append(End(true, 2), "p")));
  EXPECT_EQ(Job()->producer, "q");
  const uint64_t cancel = Ask(Control::CANCEL);
  EXPECT_TRUE(Refused(Reply(cancel, Control::CANCEL, Control::HONOURED))) << "it is for q";
  EXPECT_FALSE(Refused(Says("q", 2)));
  EXPECT_FALSE(Refused(Says("p", 3))) << "another attempt is open to everybody";
}

TEST_F(TakeoverTest, AWorkerThatStartsAnewGoesOnWithTheAttemptAtOnce) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Says("p", 1);
  watch_.OnDisconnected("p", false, now_);
  EXPECT_FALSE(Refused(Says("q", 1)));
  EXPECT_EQ(Job()->producer, "q");
  EXPECT_FALSE(Refused(Says("p", 1))) << "nobody has missed it, and several may work on a job";
}

TEST_F(TakeoverTest, AWorkerThatWasSilentCannotComeBackToAnAttemptThatGoesOnWithoutIt) {
  Says("p", 1);
  Pass(kDefaultLeaseNanos);
  ASSERT_EQ(State(), JobState::STALLED);
  EXPECT_FALSE(Refused(Says("q", 1)));
  EXPECT_TRUE(Refused(Says("p", 1)));
  Pass(kDefaultLeaseNanos);
  ASSERT_EQ(State(), JobState::STALLED);
  EXPECT_FALSE(Refused(Says("p", 1))) << "now it is the other one that is silent";
  EXPECT_TRUE(Refused(Says("q", 1)));
}

TEST_F(TakeoverTest, AnAttemptThatIsQueuedIsOpenToEverybody) {
  Says("p", 1);
  Pass(kLostAfter + kMinute);
  Says("q", 2, JobState::QUEUED);
  EXPECT_FALSE(Refused(Says("p", 2)));
  EXPECT_EQ(Job()->producer, "p");
}

TEST_F(TakeoverTest, WorkersThatWereReplacedAreRememberedUpToALimitAndOverARestart) {
  for (size_t i = 0; i <= kMaxReplaced + 1; ++i) {
    Says("p" + std::to_string(i), i + 1);
    if (i <= kMaxReplaced) Pass(kLostAfter + kMinute);
  }
  fold_.TakeChanges();
  Fold again;
  Fold::Loader loader(&again);
  fold_.Save(0, [&](const std::string& key, const std::string& value) { EXPECT_TRUE(loader.Add(key, value).ok()); });
  loader.Finish();
  v1::ProgressEvent event = Status(JobState::RUNNING);
  event.set_attempt(kMaxReplaced + 2);
  for (size_t i = 0; i <= kMaxReplaced; ++i) {
    v1::ProgressEvent copy = event;
    const std::string producer = "p" + std::to_string(i);
    const Input input{.seq = ++seq_, .commit_nanos = kWallStart + now_, .event = &copy, .producer = producer, .number = 99};
    EXPECT_EQ(again.Apply(input).is_event, i == 0) << producer;
  }
}

TEST_F(WatchTest, AWorkerThatWasLostIsToldThatAnotherOneHasTheJob) {
  watch_.OnConnected("p", kDefaultLeaseNanos, now_);
  Append(Status(JobState::RUNNING), "p");
  Pass(kLostAfter + kMinute);
  ASSERT_EQ(Job()->state.error().code(), "WORKER_LOST");
  losses_.clear();
  v1::ProgressEvent next = Status(JobState::RUNNING);
  next.set_attempt(2);
  Append(next, "q");
  ASSERT_THAT(losses_, SizeIs(1)) << "on its open stream, at once";
  EXPECT_EQ(losses_[0].producer, "p");
  EXPECT_EQ(losses_[0].lost.attempt(), 2u);
  EXPECT_TRUE(losses_[0].lost.replaced());
  const auto told = [&] {
    const auto lost = watch_.LostBy("p");
    return lost.size() == 1 && lost[0].job() == "job:1" && lost[0].attempt() == 2 && lost[0].replaced();
  };
  EXPECT_TRUE(told()) << "when it comes back";
  v1::ProgressEvent progress = testing::MakeProgress("job:1", "a");
  progress.set_attempt(2);
  Append(progress, "q");
  EXPECT_THAT(losses_, SizeIs(1));
  Ask(Control::PAUSE);
  EXPECT_THAT(Commands("p"), IsEmpty());
  EXPECT_THAT(watch_.LostBy("q"), IsEmpty());
  std::destroy_at(&watch_);  // the service starts anew, and knows from the log
  std::construct_at(&watch_, kLostAfter);
  Show(JobChanges{.jobs = {Job()}});
  EXPECT_TRUE(told());
  Append(End(true, 2), "q");
  EXPECT_TRUE(told()) << "after the end, too";
}

}  // namespace
}  // namespace milepost::jobs
