// Which worker a job has when others report on it too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/jobs/watch.h"
#include "tests/unit/services/jobs/watch_fixture.h"

namespace milepost::jobs {
namespace {

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

}  // namespace
}  // namespace milepost::jobs
