// One honest percent: what counts, what it weighs, and that it never falls.
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/services/jobs/replay.h"

namespace milepost::jobs {
namespace {

using v1::JobStatus;
using v1::StepStatus;

const std::vector<v1::PlannedStep> kFivePhases = {Planned("plan", 15), Planned("tts", 20), Planned("visuals", 30),
                                                  Planned("compose", 20), Planned("render", 15)};

TEST(PercentTest, StepBordersAreExact) {
  Kinds kinds;
  Replay job(&kinds, "video:1");
  EXPECT_EQ(job.Status(0, JobStatus::RUNNING, kFivePhases).overall, 0);
  EXPECT_EQ(job.Step(1, "plan", StepStatus::DONE).overall, 0.15);
  EXPECT_EQ(job.Step(2, "tts", StepStatus::DONE).overall, 0.35);
  EXPECT_EQ(job.Step(3, "visuals", StepStatus::DONE).overall, 0.65);
  EXPECT_EQ(job.Step(4, "compose", StepStatus::DONE).overall, 0.85);
  EXPECT_EQ(job.Step(5, "render", StepStatus::DONE).overall, 0.99) << "nothing but the end is all";
  EXPECT_EQ(job.Complete(6).overall, 1);
}

TEST(PercentTest, StepBordersAreExactWhateverWasLearned) {
  Kinds kinds;
  for (int run = 0; run < 6; ++run) {
    Replay job(&kinds, "video:1");
    job.Status(0, JobStatus::RUNNING, kFivePhases);
    double now = 0;
    for (const auto& [id, seconds, border] : std::vector<std::tuple<std::string, double, double>>{
             {"plan", 60, 0.15}, {"tts", 1, 0.35}, {"visuals", 2, 0.65}, {"compose", 3, 0.85}, {"render", 9, 0.99}}) {
      job.Step(now, id, StepStatus::STARTED);
      EXPECT_EQ(job.Step(now += seconds, id, StepStatus::DONE).overall, border);
    }
    job.Complete(now);
  }
}

TEST(PercentTest, NothingIsKnownOfAQueuedJobWithoutSteps) {
  Kinds kinds;
  Replay job(&kinds, "video:1");
  EXPECT_FALSE(job.Status(0, JobStatus::QUEUED).overall.has_value());
  EXPECT_FALSE(job.Status(1, JobStatus::RUNNING).overall.has_value());
}

TEST(PercentTest, NothingIsKnownOfAStepWithoutFractionThatNoPlanNamed) {
  Kinds kinds;
  Replay job(&kinds, "video:1");
  EXPECT_FALSE(job.Step(0, "work", StepStatus::STARTED).overall.has_value());
  EXPECT_EQ(job.Progress(1, "work", 0.25).overall, 0.25);
}

TEST(PercentTest, SkippedAndCachedStepsAreTakenOut) {
  Kinds kinds;
  Replay job(&kinds, "video:1");
  job.Status(0, JobStatus::RUNNING, kFivePhases);
  job.Step(1, "plan", StepStatus::SKIPPED);
  EXPECT_EQ(job.Step(1, "tts", StepStatus::CACHED).overall, 0);
  EXPECT_EQ(job.Progress(2, "visuals", 0.5).overall, 15.0 / 65);
}

TEST(PercentTest, AFailedStepCountsFully) {
  Kinds kinds;
  Replay job(&kinds, "video:1");
  job.Status(0, JobStatus::RUNNING, kFivePhases);
  job.Progress(1, "plan", 0.5);
  EXPECT_EQ(job.Step(2, "plan", StepStatus::FAILED).overall, 0.15);
}

TEST(PercentTest, AllCachedOfAPlanIsAllButTheEnd) {
  Kinds kinds;
  Replay job(&kinds, "video:1");
  job.Status(0, JobStatus::RUNNING, {Planned("a"), Planned("b")});
  EXPECT_EQ(job.Step(0, "a", StepStatus::CACHED).overall, 0);
  EXPECT_EQ(job.Step(0, "b", StepStatus::CACHED).overall, 0.99);
  EXPECT_EQ(job.Complete(0.1).overall, 1);
}

TEST(PercentTest, AllThatWasFoundIsCachedSaysNothingWithoutAPlan) {
  Kinds kinds;
  Replay job(&kinds, "video:1");
  EXPECT_FALSE(job.Step(0, "a", StepStatus::CACHED).overall.has_value());
}

TEST(PercentTest, PartsCountWithinTheirStepAndNotBesideIt) {
  Kinds kinds;
  Replay job(&kinds, "video:1");
  job.Status(0, JobStatus::RUNNING,
             {Planned("a", 50), Planned("a.1", 3, "a"), Planned("a.2", 1, "a"), Planned("b", 50)});
  EXPECT_EQ(job.Step(1, "a.1", StepStatus::DONE).overall, 0.375);
  EXPECT_EQ(job.Progress(2, "a", 0.5).overall, 0.375) << "the parts know better";
  EXPECT_EQ(job.Progress(3, "a", 0.9).overall, 0.45) << "the step knows better";
  EXPECT_EQ(job.Step(4, "a.2", StepStatus::DONE).overall, 0.5);
  EXPECT_EQ(job.Progress(5, "b", 0.5).overall, 0.75);
}

TEST(PercentTest, AStepOfWhichAllPartsAreCachedIsTakenOut) {
  Kinds kinds;
  Replay job(&kinds, "video:1");
  job.Status(0, JobStatus::RUNNING, {Planned("a", 50), Planned("a.1", 1, "a"), Planned("b", 50)});
  job.Step(1, "a.1", StepStatus::CACHED);
  EXPECT_EQ(job.Progress(2, "b", 0.5).overall, 0.5);
}

TEST(PercentTest, DeeperNestingAndCirclesAreNoTrap) {
  Kinds kinds;
  Replay job(&kinds, "video:1");
  job.Status(0, JobStatus::RUNNING,
             {Planned("a"), Planned("b", -1, "a"), Planned("c", -1, "b"), Planned("x", -1, "y"), Planned("y", -1, "x"),
              Planned("self", -1, "self"), Planned("lost", -1, "nowhere")});
  for (const char* id : {"a", "b", "c", "x", "y", "self", "lost"}) job.Step(1, id, StepStatus::DONE);
  EXPECT_EQ(job.state.overall(), 0.99);
}

TEST(PercentTest, GrowingTotalsDoNotMakeItFall) {
  Kinds kinds;
  Replay job(&kinds, "crawl:1");
  double last = 0;
  for (int done = 1; done <= 100; ++done) {
    const double overall = *job.Progress(done, "pages", done / (20.0 + done * 1.5)).overall;
    EXPECT_GE(overall, last);
    last = overall;
  }
  EXPECT_LT(last, 0.99);
}

TEST(PercentTest, DiscoveredStepsDoNotMakeItFall) {
  Kinds kinds;
  Replay job(&kinds, "build:1");
  EXPECT_EQ(job.Progress(1, "first", 0.8).overall, 0.8);
  EXPECT_EQ(job.Progress(2, "second", 0).overall, 0.8);
  EXPECT_EQ(job.Step(3, "first", StepStatus::DONE).overall, 0.8);
  EXPECT_EQ(job.Progress(4, "second", 0.7).overall, 0.8);
}

TEST(PercentTest, DiscoveredStepsLeaveRoomForAsManyAgain) {
  Kinds kinds;
  Replay job(&kinds, "build:1");
  job.Step(0, "first", StepStatus::STARTED);
  EXPECT_EQ(job.Step(10, "first", StepStatus::DONE).overall, 0.5);
  job.Step(10, "second", StepStatus::STARTED);
  for (int at = 11; at < 20; ++at) {
    const Estimate estimate = job.Progress(at, "second", (at - 10) / 10.0);
    EXPECT_EQ(estimate.overall, 0.5);
    EXPECT_FALSE(estimate.eta_nanos) << "nobody knows what follows";
  }
  EXPECT_EQ(job.Step(20, "second", StepStatus::DONE).overall, 0.5);
  EXPECT_EQ(job.Complete(21).overall, 1);
}

TEST(PercentTest, ALoneDiscoveredStepIsTheJobButForItsLastTenth) {
  Kinds kinds;
  Replay job(&kinds, "copy:1");
  job.Step(0, "copy", StepStatus::STARTED);
  EXPECT_EQ(job.Progress(9, "copy", 0.9).overall, 0.9);
  EXPECT_EQ(job.Progress(10, "copy", 1).overall, 0.9);
  EXPECT_EQ(job.Step(10, "copy", StepStatus::DONE).overall, 0.9);
  Replay after_cached(&kinds, "copy:2");
  after_cached.Step(0, "fetch", StepStatus::CACHED);
  EXPECT_EQ(after_cached.Progress(9, "copy", 0.8).overall, 0.4) << "it is not alone";
}

TEST(PercentTest, DiscoveredStepsOfRunsThatHadOthersLeaveRoomToo) {
  Kinds kinds;
  for (int run = 0; run < 8; ++run) {
    Replay job(&kinds, "build:1");
    const std::string id = "step" + std::to_string(run % 4);
    job.Step(0, id, StepStatus::STARTED);
    job.Step(10, id, StepStatus::DONE);
    job.Complete(10);
  }
  Replay job(&kinds, "build:2");
  job.Step(0, "step1", StepStatus::STARTED);
  EXPECT_EQ(job.Step(1, "step1", StepStatus::DONE).overall, 0.5);
  Replay planned(&kinds, "build:3");
  planned.Status(0, JobStatus::RUNNING, {Planned("step1")});
  EXPECT_EQ(planned.Step(1, "step1", StepStatus::DONE).overall, 0.99);
}

TEST(PercentTest, ARepeatedStepDoesNotMakeItFall) {
  Kinds kinds;
  Replay job(&kinds, "build:1");
  job.Status(0, JobStatus::RUNNING, {Planned("a"), Planned("b")});
  EXPECT_EQ(job.Step(1, "a", StepStatus::DONE).overall, 0.5);
  EXPECT_EQ(job.Step(2, "a", StepStatus::STARTED).overall, 0.5);
  EXPECT_EQ(job.Progress(3, "a", 0.1).overall, 0.5);
}

TEST(PercentTest, ANewAttemptBeginsAnewWithItsPlan) {
  Kinds kinds;
  Replay job(&kinds, "video:1");
  job.Status(0, JobStatus::RUNNING, kFivePhases);
  job.Step(1, "plan", StepStatus::DONE);
  v1::ProgressEvent failed;
  failed.mutable_failed()->set_code("INTERNAL");
  EXPECT_EQ(job.Add(failed, 1'000'002 * kSecond).overall, 0.15);
  job.attempt = 2;
  EXPECT_EQ(job.Status(3, JobStatus::RUNNING).overall, 0);
  EXPECT_EQ(job.Step(4, "plan", StepStatus::DONE).overall, 0.15);
}

// The attempt ends badly, and the next one begins.
void BeginNextAttempt(Replay* job, double seconds) {
  v1::ProgressEvent failed;
  failed.mutable_failed()->set_code("INTERNAL");
  job->Add(failed, static_cast<int64_t>((1'000'000 + seconds) * kSecond));
  ++job->attempt;
}

TEST(PercentTest, WhatAPlanLeftOutIsNotInTheNextAttemptUntilItIsTouched) {
  Kinds kinds;
  Replay job(&kinds, "video:1");
  job.Status(0, JobStatus::RUNNING, {Planned("a", 60), Planned("b", 40)});
  EXPECT_EQ(job.Step(1, "a", StepStatus::DONE).overall, 0.6);
  EXPECT_EQ(job.Status(2, JobStatus::RUNNING, {Planned("b", 1), Planned("c", 3)}).overall, 0.6);
  BeginNextAttempt(&job, 3);
  EXPECT_EQ(job.Step(4, "b", StepStatus::DONE).overall, 0.25) << "of b and c";
  EXPECT_EQ(job.Step(5, "c", StepStatus::DONE).overall, 0.99);
}

TEST(PercentTest, WhatWasFoundInTheAttemptBeforeIsNotInThisOneUntilItIsFoundAgain) {
  Kinds kinds;
  Replay job(&kinds, "build:1");
  for (const char* id : {"first", "second", "third"}) job.Step(1, id, StepStatus::DONE);
  BeginNextAttempt(&job, 2);
  EXPECT_FALSE(job.Status(3, JobStatus::RUNNING).overall);
  EXPECT_EQ(job.Progress(4, "third", 0.4).overall, 0.4) << "it is alone";
}

// A run of steps one after the other, each with its seconds.
void RunSteps(Kinds* kinds, const std::vector<std::pair<std::string, double>>& steps, bool planned) {
  Replay job(kinds, "build:1");
  std::vector<v1::PlannedStep> plan;
  for (const auto& [id, seconds] : steps) plan.push_back(Planned(id));
  double now = 0;
  job.Status(now, JobStatus::RUNNING, planned ? plan : std::vector<v1::PlannedStep>());
  for (const auto& [id, seconds] : steps) {
    job.Step(now, id, StepStatus::STARTED);
    job.Step(now += seconds, id, StepStatus::DONE);
  }
  job.Complete(now);
}

TEST(PercentTest, WithoutWeightsLearnedDurationsWeigh) {
  Kinds kinds;
  RunSteps(&kinds, {{"short", 10}, {"long", 90}}, true);
  Replay job(&kinds, "build:2");
  job.Status(0, JobStatus::RUNNING, {Planned("short"), Planned("long")});
  job.Step(0, "short", StepStatus::STARTED);
  EXPECT_NEAR(*job.Step(10, "short", StepStatus::DONE).overall, 0.1, 1e-6);
}

TEST(PercentTest, LearnedDurationsAreScaledToStatedWeights) {
  Kinds kinds;
  RunSteps(&kinds, {{"a", 10}, {"b", 20}, {"c", 70}}, true);
  Replay job(&kinds, "build:2");
  job.Status(0, JobStatus::RUNNING, {Planned("a", 1), Planned("b", 2), Planned("c")});
  EXPECT_NEAR(*job.Step(10, "a", StepStatus::DONE).overall, 0.1, 1e-9);
}

TEST(PercentTest, WithoutWeightsAndHistoryTheMeanOfTheStatedOnesWeighs) {
  Kinds kinds;
  Replay job(&kinds, "build:2");
  job.Status(0, JobStatus::RUNNING, {Planned("a", 1), Planned("b", 3), Planned("c")});
  EXPECT_NEAR(*job.Step(10, "c", StepStatus::DONE).overall, 2.0 / 6, 1e-9);
}

TEST(PercentTest, StepsThatAreUsualForTheKindAreStillToCome) {
  Kinds kinds;
  RunSteps(&kinds, {{"fetch", 25}, {"make", 75}}, false);
  Replay job(&kinds, "build:2");
  job.Step(0, "fetch", StepStatus::STARTED);
  EXPECT_NEAR(*job.Step(25, "fetch", StepStatus::DONE).overall, 0.25, 1e-6);
  job.Step(25, "make", StepStatus::STARTED);
  EXPECT_NEAR(*job.Progress(62.5, "make", 0.5).overall, 0.625, 1e-6);
}

TEST(PercentTest, StepsOfAnEarlierPlanAreNotToComeInAnother) {
  Kinds kinds;
  RunSteps(&kinds, {{"fetch", 25}, {"make", 75}}, true);
  Replay job(&kinds, "build:2");
  job.Status(0, JobStatus::RUNNING, {Planned("fetch"), Planned("copy")});
  EXPECT_NEAR(*job.Step(25, "fetch", StepStatus::DONE).overall, 0.5, 1e-6);
}

TEST(PercentTest, RecentRunsCountMore) {
  Kinds kinds;
  for (int i = 0; i < 10; ++i) RunSteps(&kinds, {{"a", 90}, {"b", 10}}, true);
  for (int i = 0; i < 10; ++i) RunSteps(&kinds, {{"a", 10}, {"b", 90}}, true);
  Replay job(&kinds, "build:2");
  job.Status(0, JobStatus::RUNNING, {Planned("a"), Planned("b")});
  job.Step(0, "a", StepStatus::STARTED);
  EXPECT_LT(job.Step(10, "a", StepStatus::DONE).overall, 0.2) << "equal counts would give a half";
}

TEST(PercentTest, WithoutStatedWeightsAStepWeighsWhatItTakesInThisRun) {
  Kinds kinds;
  const std::vector<v1::PlannedStep> plan = {Planned("a"), Planned("b"), Planned("c")};
  RunSteps(&kinds, {{"a", 10}, {"b", 10}, {"c", 10}}, true);
  Replay job(&kinds, "build:2");
  job.Status(0, JobStatus::RUNNING, plan);
  job.Step(0, "a", StepStatus::STARTED);
  job.Step(10, "a", StepStatus::DONE);
  job.Step(10, "b", StepStatus::STARTED);
  // b takes 100 s, so that this run is a slow one and c may take some 40 s: 60 s of 150 s are done.
  EXPECT_NEAR(*job.Progress(60, "b", 0.5).overall, 0.4, 0.03);
}

TEST(PercentTest, WeightsWithoutASumWeighTheSame) {
  Kinds kinds;
  for (int run = 0; run < 3; ++run) {
    Replay job(&kinds, "build:1");
    job.Status(0, JobStatus::RUNNING, {Planned("a", 1e308), Planned("b", 1e308), Planned("c", 0), Planned("d")});
    job.Step(1, "b", StepStatus::STARTED);
    const Estimate estimate = job.Step(100, "b", StepStatus::DONE);
    EXPECT_EQ(estimate.overall, 0.25);
    EXPECT_FALSE(estimate.eta_nanos);
    job.Complete(101);
  }
  Replay none(&kinds, "test:1");
  none.Status(0, JobStatus::RUNNING, {Planned("a", 0), Planned("b", 0)});
  EXPECT_EQ(none.Step(1, "a", StepStatus::DONE).overall, 0.5);
}

TEST(PercentTest, WhatAFailedStepTookIsNotLearned) {
  Kinds kinds;
  for (int run = 0; run < 3; ++run) {
    Replay job(&kinds, "build:1");
    job.Status(0, JobStatus::RUNNING, {Planned("a"), Planned("b")});
    job.Step(0, "a", StepStatus::STARTED);
    job.Step(run == 0 ? 10 : 1, "a", run == 0 ? StepStatus::DONE : StepStatus::FAILED);
    job.Step(10, "b", StepStatus::STARTED);
    job.Step(20, "b", StepStatus::DONE);
    job.Complete(20);
  }
  Replay job(&kinds, "build:2");
  job.Status(0, JobStatus::RUNNING, {Planned("a"), Planned("b")});
  job.Step(0, "a", StepStatus::STARTED);
  EXPECT_NEAR(*job.Step(10, "a", StepStatus::DONE).overall, 0.5, 0.01);
}

TEST(PercentTest, StepsPastTheLimitAreNotCounted) {
  Kinds kinds;
  Replay job(&kinds, "build:1");
  for (int i = 0; i < 300; ++i) job.Step(i, "s" + std::to_string(i), StepStatus::STARTED);
  EXPECT_EQ(job.course.steps.size(), 256u);
  job.Progress(301, "s299", 0.5);
  job.Complete(302);
  EXPECT_EQ(job.state.overall(), 1);
}

}  // namespace
}  // namespace milepost::jobs
