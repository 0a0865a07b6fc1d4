// Times to the end and to the start, and how quiet a job may be.
#include <algorithm>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "services/jobs/eta.h"
#include "tests/unit/services/jobs/replay.h"

namespace milepost::jobs {
namespace {

using v1::JobStatus;
using v1::StepStatus;

double Seconds(const std::optional<int64_t>& nanos) { return nanos ? static_cast<double>(*nanos) / 1e9 : -1; }

// A run of one step at an even pace, told every second.
void EvenRun(Kinds* kinds, double seconds, double begin = 0) {
  Replay job(kinds, "copy:1");
  job.Status(begin, JobStatus::RUNNING, {Planned("copy")});
  job.Step(begin, "copy", StepStatus::STARTED);
  for (double at = 1; at < seconds; ++at) job.Progress(begin + at, "copy", at / seconds);
  job.Step(begin + seconds, "copy", StepStatus::DONE);
  job.Complete(begin + seconds);
}

TEST(EtaTest, IsAbsentWithoutHistoryUntilTheRateIsMeaningful) {
  Kinds kinds;
  Replay job(&kinds, "copy:1");
  job.Step(0, "copy", StepStatus::STARTED);
  EXPECT_FALSE(job.Progress(2.9, "copy", 0.5).eta_nanos) << "under 3 s";
  EXPECT_FALSE(Replay(&kinds, "copy:2").Progress(0, "copy", 0.5).eta_nanos);
  Replay slow(&kinds, "copy:3");
  slow.Step(0, "copy", StepStatus::STARTED);
  EXPECT_FALSE(slow.Progress(10, "copy", 0.049).eta_nanos) << "under 5 %";
  slow.Progress(11, "copy", 0.055);
  EXPECT_TRUE(slow.Progress(12, "copy", 0.06).eta_nanos);
}

TEST(EtaTest, FollowsTheRateWithoutHistory) {
  Kinds kinds;
  Replay job(&kinds, "copy:1");
  job.Step(0, "copy", StepStatus::STARTED);
  for (int at = 1; at < 100; ++at) {
    const Estimate estimate = job.Progress(at, "copy", at / 100.0);
    if (at < 10) continue;
    EXPECT_NEAR(Seconds(estimate.eta_nanos), 100 - at, 0.1 + 0.05 * (100 - at));
    EXPECT_FALSE(estimate.eta_p90_nanos) << "there is no history";
  }
}

TEST(EtaTest, WhatWasResumedIsNoSpeed) {
  Kinds kinds;
  Replay job(&kinds, "copy:1");
  job.Status(0, JobStatus::RUNNING, {Planned("copy")});
  job.Step(0, "copy", StepStatus::STARTED);
  EXPECT_EQ(job.Progress(0.01, "copy", 0.6).overall, 0.6);
  for (int at = 1; at < 40; ++at) {
    const Estimate estimate = job.Progress(at, "copy", 0.6 + at / 100.0);
    if (at >= 8) {
      EXPECT_NEAR(Seconds(estimate.eta_nanos), 40 - at, 0.1 + 0.06 * (40 - at)) << at;
    }
  }
}

TEST(EtaTest, WhatWasResumedIsNotLearned) {
  Kinds kinds;
  for (int run = 0; run < 6; ++run) {
    Replay job(&kinds, "copy:1");
    job.Status(0, JobStatus::RUNNING, {Planned("copy")});
    job.Step(0, "copy", StepStatus::STARTED);
    const double from = run % 2 == 0 ? 0 : 0.4;
    for (double at = 0; at < 100 * (1 - from); ++at) job.Progress(at + 0.01, "copy", from + at / 100);
    job.Step(100 * (1 - from), "copy", StepStatus::DONE);
    job.Complete(100 * (1 - from));
  }
  Replay job(&kinds, "copy:2");
  job.Status(0, JobStatus::RUNNING, {Planned("copy")});
  EXPECT_NEAR(Seconds(job.Step(0, "copy", StepStatus::STARTED).eta_nanos), 100, 6);
}

TEST(EtaTest, CachedAndSkippedStepsAreNeitherSpeedNorLearned) {
  Kinds kinds;
  for (int run = 0; run < 6; ++run) {
    Replay job(&kinds, "copy:1");
    job.Status(0, JobStatus::RUNNING, {Planned("a"), Planned("b")});
    double now = 0;
    if (run % 3 != 0) {
      job.Step(0, "a", run % 3 == 1 ? StepStatus::CACHED : StepStatus::SKIPPED);
    } else {
      job.Step(0, "a", StepStatus::STARTED);
      job.Step(now += 50, "a", StepStatus::DONE);
    }
    job.Step(now, "b", StepStatus::STARTED);
    job.Step(now += 50, "b", StepStatus::DONE);
    job.Complete(now);
  }
  Replay job(&kinds, "copy:2");
  const double eta = Seconds(job.Status(0, JobStatus::RUNNING, {Planned("a"), Planned("b")}).eta_nanos);
  EXPECT_NEAR(eta, 100, 6);
  Replay cached(&kinds, "copy:3");
  cached.Status(0, JobStatus::RUNNING, {Planned("a"), Planned("b")});
  EXPECT_NEAR(Seconds(cached.Step(0, "a", StepStatus::CACHED).eta_nanos), 50, 6);
}

TEST(EtaTest, KnowsFromHistoryBeforeAnythingMoved) {
  Kinds kinds;
  for (int run = 0; run < 3; ++run) EvenRun(&kinds, 60);
  Replay job(&kinds, "copy:2");
  EXPECT_NEAR(Seconds(job.Status(0, JobStatus::RUNNING, {Planned("copy")}).eta_nanos), 60, 3);
}

TEST(EtaTest, ARunThatIsLargerThanUsualIsNoticed) {
  Kinds kinds;
  for (int run = 0; run < 6; ++run) EvenRun(&kinds, 60);
  Replay job(&kinds, "copy:2");
  job.Status(0, JobStatus::RUNNING, {Planned("copy")});
  job.Step(0, "copy", StepStatus::STARTED);
  double eta = 0;
  for (int at = 1; at <= 60; ++at) eta = Seconds(job.Progress(at, "copy", at / 600.0).eta_nanos);
  EXPECT_NEAR(eta, 540, 100);
}

// A run of one step that is told `reports` times, every `every` seconds, with a line of output after each. The ETAs.
std::vector<std::optional<int64_t>> EtasOf(Kinds* kinds, int reports, double every) {
  Replay job(kinds, "build:1");
  std::vector<std::optional<int64_t>> etas = {job.Status(0, JobStatus::RUNNING).eta_nanos};
  v1::ProgressEvent line;
  for (int i = 1; i <= reports; ++i) {
    etas.push_back(job.Progress(i * every, "build", static_cast<double>(i) / reports).eta_nanos);
    line.mutable_output()->mutable_line()->set_text(std::to_string(i));
    EXPECT_EQ(job.Add(line, 1'000'000 * kSecond + static_cast<int64_t>(i * every * 1e9)).eta_nanos.has_value(), etas.back().has_value());
  }
  job.Complete(reports * every);
  return etas;
}

TEST(EtaTest, OfARunFarLargerThanUsualIsAbsentUntilItHasSettledAndDoesNotJump) {
  for (const double seconds : {3., 6., 16., 60., 600.}) {
    for (const int reports : {20, 40, 200}) {
      SCOPED_TRACE(std::to_string(seconds) + " s, " + std::to_string(reports) + " reports");
      Kinds kinds;
      for (int run = 0; run < 6; ++run) EtasOf(&kinds, 10, 0.1);
      const double every = seconds / reports;
      const auto etas = EtasOf(&kinds, reports, every);
      EXPECT_TRUE(etas[0]);
      EXPECT_LE(std::count(etas.begin(), etas.end(), std::nullopt), 8);
      // The first report begins the step.
      for (int i = 2; i < reports; ++i) {
        const double left = seconds - i * every;
        if (i >= reports / 2) {
          EXPECT_NEAR(Seconds(etas[i]), left, 0.1 + 0.15 * left) << i;
        }
        if (!etas[i] || !etas[i - 1]) continue;
        const double expected = std::max(0.1, Seconds(etas[i - 1]) - every);
        EXPECT_NEAR(Seconds(etas[i]), expected, 0.25 * expected + std::max(0.05, Seconds(etas[i]) / 40) + 1e-9) << i;
      }
    }
  }
}

TEST(EtaTest, P90ComesAfterFiveRunsOrSo) {
  Kinds kinds;
  for (int run = 0; run < 12; ++run) {
    Replay job(&kinds, "copy:2");
    const Estimate estimate = job.Status(0, JobStatus::RUNNING, {Planned("copy")});
    EXPECT_EQ(estimate.eta_nanos.has_value(), run >= 1) << run;
    EXPECT_EQ(estimate.eta_p90_nanos.has_value(), run >= 5) << run;
    if (run >= 5) {
      EXPECT_GE(*estimate.eta_p90_nanos, *estimate.eta_nanos);
    }
    EvenRun(&kinds, 50 + 7 * (run % 4));
  }
}

TEST(EtaTest, IsAbsentWhileTheJobDoesNotRun) {
  Kinds kinds;
  for (int run = 0; run < 6; ++run) EvenRun(&kinds, 60);
  Replay job(&kinds, "copy:2");
  EXPECT_FALSE(job.Status(0, JobStatus::QUEUED, {Planned("copy")}).eta_nanos);
  EXPECT_TRUE(job.Status(1, JobStatus::RUNNING).eta_nanos);
  for (const auto state : {JobStatus::WAITING, JobStatus::PAUSED, JobStatus::STALLED}) {
    const Estimate estimate = job.Status(2, state);
    EXPECT_FALSE(estimate.eta_nanos || estimate.eta_p90_nanos);
    EXPECT_EQ(estimate.overall, 0);
  }
  EXPECT_TRUE(job.Status(3, JobStatus::RUNNING).eta_nanos);
  const Estimate end = job.Complete(60);
  EXPECT_FALSE(end.eta_nanos || end.eta_p90_nanos || end.start_eta_nanos);
}

TEST(EtaTest, APauseIsNoWork) {
  Kinds kinds;
  for (int run = 0; run < 3; ++run) EvenRun(&kinds, 60);
  Replay job(&kinds, "copy:2");
  job.Status(0, JobStatus::RUNNING, {Planned("copy")});
  job.Step(0, "copy", StepStatus::STARTED);
  for (int at = 1; at <= 30; ++at) job.Progress(at, "copy", at / 60.0);
  job.Status(30, JobStatus::PAUSED);
  const Estimate estimate = job.Status(10'000, JobStatus::RUNNING);
  EXPECT_NEAR(Seconds(estimate.eta_nanos), 30, 2);
  for (int at = 31; at < 60; ++at) job.Progress(9'970 + at, "copy", at / 60.0);
  job.Step(10'030, "copy", StepStatus::DONE);
  job.Complete(10'030);
  Replay next(&kinds, "copy:3");
  EXPECT_NEAR(Seconds(next.Status(0, JobStatus::RUNNING, {Planned("copy")}).eta_nanos), 60, 3);
}

TEST(EtaTest, OneOddRunMovesLittle) {
  Kinds kinds;
  for (int run = 0; run < 10; ++run) EvenRun(&kinds, 60);
  EvenRun(&kinds, 6'000);
  Replay job(&kinds, "copy:2");
  EXPECT_LT(Seconds(job.Status(0, JobStatus::RUNNING, {Planned("copy")}).eta_nanos), 120);
}

TEST(EtaTest, AJobWithoutStepsTakesWhatItsKindTakes) {
  Kinds kinds;
  for (int run = 0; run < 3; ++run) {
    Replay job(&kinds, "copy:1");
    job.Status(0, JobStatus::RUNNING);
    job.Complete(60);
  }
  Replay job(&kinds, "copy:2");
  const Estimate estimate = job.Status(0, JobStatus::RUNNING);
  EXPECT_NEAR(Seconds(estimate.eta_nanos), 60, 3);
  EXPECT_FALSE(estimate.overall);
}

TEST(EtaTest, PrecisionFitsTheDistance) {
  for (const auto& [exact, rounded] : std::vector<std::pair<double, double>>{
           {0.01, 0.1}, {1.94, 1.9}, {4.27, 4.2}, {9.85, 9.8}, {12.3, 12.5}, {41.4, 42}, {97.5, 98}, {102, 100}, {1'000, 990},
           {4'000, 3'960}, {40'000, 39'600}}) {
    EXPECT_NEAR(Seconds(RoundedToNearest(exact * 1e9)), rounded, 1e-6) << exact;
    EXPECT_GE(Seconds(RoundedUp(exact * 1e9)), exact);
    EXPECT_LE(Seconds(RoundedUp(exact * 1e9)), std::max(0.1, exact + std::max(0.1, exact / 20)) + 1e-9);
  }
  EXPECT_GT(RoundedToNearest(1e300), 0);
}

TEST(StartTest, FollowsHowFastJobsOfTheKindWereStarted) {
  Kinds kinds;
  // All are queued at once; one starts every 10 s.
  std::vector<std::unique_ptr<Replay>> jobs;
  for (int i = 0; i < 8; ++i) {
    jobs.push_back(std::make_unique<Replay>(&kinds, "copy:" + std::to_string(i)));
    EXPECT_FALSE(jobs.back()->Status(0, JobStatus::QUEUED).start_eta_nanos);
  }
  for (int i = 0; i < 6; ++i) jobs[i]->Status(10 * i, JobStatus::RUNNING);
  v1::ProgressEvent queued;
  queued.mutable_status()->set_state(JobStatus::QUEUED);
  queued.mutable_status()->set_queue_position(3);
  Replay late(&kinds, "copy:9");
  EXPECT_NEAR(Seconds(late.Add(queued, 1'000'055 * kSecond).start_eta_nanos), 35, 1);
  queued.mutable_status()->set_queue_position(0);
  EXPECT_NEAR(Seconds(late.Add(queued, 1'000'056 * kSecond).start_eta_nanos), 4, 0.1);
  EXPECT_FALSE(late.Add(queued, 1'000'500 * kSecond).start_eta_nanos) << "nothing has started for long";
  EXPECT_FALSE(late.Status(501, JobStatus::RUNNING).start_eta_nanos);
}

TEST(StartTest, TimeInWhichNothingWaitedIsNoInterval) {
  Kinds kinds;
  for (int i = 0; i < 12; ++i) {
    // Two at a time, 10 s apart, then nothing for an hour.
    Replay first(&kinds, "copy:1"), second(&kinds, "copy:2");
    first.Status(i * 3'600, JobStatus::QUEUED);
    second.Status(i * 3'600, JobStatus::QUEUED);
    first.Status(i * 3'600 + 1, JobStatus::RUNNING);
    second.Status(i * 3'600 + 11, JobStatus::RUNNING);
  }
  v1::ProgressEvent queued;
  queued.mutable_status()->set_state(JobStatus::QUEUED);
  queued.mutable_status()->set_queue_position(2);
  Replay job(&kinds, "copy:3");
  const Estimate estimate = job.Add(queued, (1'000'000 + 11 * 3'600 + 11) * kSecond);
  EXPECT_NEAR(Seconds(estimate.start_eta_nanos), 30, 1);
}

TEST(StartTest, WithoutAPositionTheUsualWaitIsAllThatIsKnown) {
  Kinds kinds;
  for (int i = 0; i < 5; ++i) {
    Replay job(&kinds, "copy:1");
    job.Status(i * 1'000, JobStatus::QUEUED);
    job.Status(i * 1'000 + 30, JobStatus::RUNNING);
  }
  Replay job(&kinds, "copy:2");
  EXPECT_NEAR(Seconds(job.Status(9'000, JobStatus::QUEUED).start_eta_nanos), 30, 1);
  EXPECT_NEAR(Seconds(job.Status(9'020, JobStatus::QUEUED).start_eta_nanos), 10, 1);
  EXPECT_FALSE(job.Status(9'040, JobStatus::QUEUED).start_eta_nanos);
}

TEST(QuietTest, FiveMinutesWithoutHistoryAndOnlyWhileRunning) {
  Kinds kinds;
  Replay job(&kinds, "copy:1");
  EXPECT_EQ(job.course.quiet_limit_nanos(), 0);
  job.Status(0, JobStatus::QUEUED);
  EXPECT_EQ(job.course.quiet_limit_nanos(), 0);
  job.Status(0, JobStatus::RUNNING);
  EXPECT_EQ(job.course.quiet_limit_nanos(), 300 * kSecond);
  for (const auto state : {JobStatus::WAITING, JobStatus::PAUSED, JobStatus::STALLED}) {
    job.Status(1, state);
    EXPECT_EQ(job.course.quiet_limit_nanos(), 0);
  }
  job.Status(2, JobStatus::RUNNING);
  job.Complete(3);
  EXPECT_EQ(job.course.quiet_limit_nanos(), 0);
}

TEST(QuietTest, FourTimesTheUsualLongestGapOfTheStep) {
  Kinds kinds;
  for (int run = 0; run < 4; ++run) {
    Replay job(&kinds, "copy:1");
    job.Step(0, "chatty", StepStatus::STARTED);
    for (int at = 1; at < 20; ++at) job.Progress(at, "chatty", at / 20.0);
    job.Step(20, "chatty", StepStatus::DONE);
    job.Step(20, "silent", StepStatus::STARTED);
    job.Progress(80, "silent", 0.5);
    job.Step(120, "silent", StepStatus::DONE);
    job.Complete(120);
  }
  Replay job(&kinds, "copy:2");
  job.Step(0, "chatty", StepStatus::STARTED);
  EXPECT_EQ(job.course.quiet_limit_nanos(), 10 * kSecond) << "four seconds would be too hasty";
  job.Step(20, "chatty", StepStatus::DONE);
  job.Step(20, "silent", StepStatus::STARTED);
  EXPECT_EQ(job.course.quiet_limit_nanos(), 240 * kSecond);
  job.Progress(220, "silent", 0.1);
  EXPECT_EQ(job.course.quiet_limit_nanos(), 400 * kSecond) << "this run is slower than usual";
  job.Step(230, "new", StepStatus::STARTED);
  EXPECT_EQ(job.course.quiet_limit_nanos(), 240 * kSecond) << "the longest of the kind";
}

}  // namespace
}  // namespace milepost::jobs
