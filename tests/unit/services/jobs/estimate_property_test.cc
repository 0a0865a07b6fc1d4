// Whatever happens to jobs, in whatever order: percent, rows and determinism.
#include <map>
#include <memory>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "proto/contract/job_state.h"
#include "tests/unit/services/jobs/replay.h"

namespace milepost::jobs {
namespace {

using v1::JobState;

// Random events of few jobs, kinds and steps, so that they meet. Some end, and come back as other attempts or jobs.
v1::ProgressEvent RandomEvent(std::mt19937& random) {
  v1::ProgressEvent event;
  const auto step = [&random] { return "step" + std::to_string(random() % 7); };
  const auto share = [&random] { return static_cast<double>(random() % 1001) / 1000; };
  switch (random() % 20) {
    case 0:
      event.mutable_status()->set_state(random() % 2 ? v1::JobStatus::QUEUED : static_cast<v1::JobStatus::State>(random() % 7));
      if (random() % 2) event.mutable_status()->set_queue_position(random() % 4);
      break;
    case 1:
    case 2: {
      event.mutable_status()->set_state(v1::JobStatus::RUNNING);
      const int count = static_cast<int>(random() % 6);
      for (int i = 0; i < count; ++i) {
        auto* planned = event.mutable_status()->add_steps();
        planned->set_id("step" + std::to_string((i + random() % 2) % 7));
        if (random() % 3 == 0) planned->set_weight(static_cast<double>(random() % 50));
        if (random() % 3 == 0) planned->set_parent(step());
      }
      break;
    }
    case 3:
      event.mutable_notice()->set_text("x");
      break;
    case 4:
      if (random() % 3) {
        event.mutable_completed()->set_skipped(random() % 8 == 0);
      } else if (random() % 2) {
        event.mutable_failed()->set_code("INTERNAL");
      } else {
        event.mutable_cancelled();
      }
      break;
    case 5:
      event.mutable_control()->set_phase(v1::Control::HONOURED);
      event.mutable_control()->set_action(static_cast<v1::Control::Action>(random() % 4 + 1));
      break;
    case 6:
    case 7:
    case 8:
    case 9:
      event.mutable_step()->set_id(step());
      event.mutable_step()->set_state(static_cast<v1::StepStatus::State>(random() % 5 + 1));
      break;
    default:
      event.mutable_progress()->set_step(step());
      if (random() % 4) {
        event.mutable_progress()->set_fraction(share());
      } else if (random() % 2) {
        event.mutable_progress()->set_done(share() * 120);
        event.mutable_progress()->set_total(random() % 100);
      }
  }
  return event;
}

// A job as the fold keeps it.
struct Job {
  JobState state;
  Course course;
  uint32_t attempt = 1;
};

// Many jobs and their estimates: the fold in small.
class World {
 public:
  // An event at `seq`, the same for the same seed. A job that has ended goes on as the next attempt or as another job.
  Estimate Apply(uint64_t seq, int64_t nanos, uint32_t seed) {
    std::mt19937 random(seed);
    const std::string name = std::string(1, static_cast<char>('a' + random() % 3)) + ":" + std::to_string(random() % 4);
    Job& job = jobs[name];
    if (job.state.state() == JobState::COMPLETED) job = Job();
    if (contract::HasEnded(job.state.state())) ++job.attempt;
    v1::ProgressEvent event = RandomEvent(random);
    event.set_job(name);
    event.set_attempt(job.attempt);
    before = job.state.attempt() == job.attempt && job.state.has_overall() ? job.state.overall() : -1;
    contract::Reduce(event, &job.state);
    if (event.has_completed()) job.state.clear_overall();
    const Estimate estimate = kinds->After(event, job.state, seq, nanos, &job.course);
    if (estimate.overall) job.state.set_overall(*estimate.overall);
    last = &job;
    return estimate;
  }

  std::unique_ptr<Kinds> kinds = std::make_unique<Kinds>();
  std::map<std::string, Job> jobs;
  const Job* last = nullptr;
  double before = -1;  // the overall before the last event, in the same attempt; -1: absent
};

void ExpectSame(const Estimate& a, const Estimate& b) {
  ASSERT_EQ(a.overall, b.overall);
  ASSERT_EQ(a.eta_nanos, b.eta_nanos);
  ASSERT_EQ(a.eta_p90_nanos, b.eta_p90_nanos);
  ASSERT_EQ(a.start_eta_nanos, b.start_eta_nanos);
}

// Rows as a store would keep them.
struct Rows {
  void SaveFrom(Kinds& kinds, uint64_t seq) {
    kinds.Save(seq, [this](std::string key, std::string value) {
      ++written;
      if (value.empty()) {
        rows.erase(key);
      } else {
        rows[key] = value;
      }
    });
  }
  std::unique_ptr<Kinds> Load() const {
    auto kinds = std::make_unique<Kinds>();
    kinds->KeepRows();
    for (const auto& [key, value] : rows) EXPECT_TRUE(kinds->Load(key, value).ok());
    kinds->Finish();
    return kinds;
  }
  std::map<std::string, std::string> rows;
  size_t written = 0;
};

TEST(EstimatePropertyTest, PercentNeverFallsInAnAttemptAndIsOneOnlyAtTheEnd) {
  World world;
  std::mt19937 random(1);
  int ended = 0, known = 0;
  int64_t nanos = kSecond;
  for (uint64_t seq = 1; seq <= 60'000; ++seq) {
    nanos += random() % (2 * kSecond);
    const Estimate estimate = world.Apply(seq, nanos, random());
    const JobState& state = world.last->state;
    if (world.before >= 0) {
      ASSERT_TRUE(estimate.overall.has_value());
    }
    if (estimate.overall) {
      ++known;
      ASSERT_GE(*estimate.overall, world.before);
      ASSERT_LE(*estimate.overall, state.state() == JobState::COMPLETED ? 1 : 0.99);
    }
    if (state.state() == JobState::COMPLETED) {
      ++ended;
      ASSERT_EQ(estimate.overall, 1);
    }
    const bool running = state.state() == JobState::RUNNING;
    if (estimate.eta_nanos) {
      ASSERT_TRUE(running);
      ASSERT_GT(*estimate.eta_nanos, 0);
    }
    if (estimate.eta_p90_nanos) {
      ASSERT_GE(*estimate.eta_p90_nanos, estimate.eta_nanos.value());
    }
    if (estimate.start_eta_nanos) {
      ASSERT_EQ(state.state(), JobState::QUEUED);
    }
    ASSERT_EQ(world.last->course.quiet_limit_nanos() > 0, running);
  }
  EXPECT_GT(ended, 500);
  EXPECT_GT(known, 10'000);
}

TEST(EstimatePropertyTest, SameEventsSameAnswersAlsoAfterSaveAndLoad) {
  World kept, restarted;
  kept.kinds->KeepRows();
  restarted.kinds->KeepRows();
  Rows rows;
  std::mt19937 random(2);
  uint64_t saved = 0;
  int64_t nanos = kSecond;
  int told = 0, starts = 0;
  for (uint64_t seq = 1; seq <= 30'000; ++seq) {
    nanos += random() % (2 * kSecond);
    const uint32_t seed = random();
    const Estimate estimate = kept.Apply(seq, nanos, seed);
    ExpectSame(estimate, restarted.Apply(seq, nanos, seed));
    if (HasFatalFailure()) FAIL() << "at " << seq;
    if (estimate.eta_p90_nanos) ++told;
    if (estimate.start_eta_nanos) ++starts;
    if (random() % 300 != 0) continue;
    rows.SaveFrom(*restarted.kinds, saved);
    saved = seq;
    restarted.kinds = rows.Load();
    for (auto& [name, job] : restarted.jobs) {
      auto course = LoadCourse(SaveCourse(job.course));
      ASSERT_TRUE(course.ok());
      ASSERT_EQ(course->quiet_limit_nanos(), job.course.quiet_limit_nanos());
      job.course = *std::move(course);
    }
  }
  EXPECT_GT(told, 1'000);
  EXPECT_GT(starts, 100);
}

TEST(EstimatePropertyTest, OnlyWhatLearnedIsSavedAgain) {
  World world;
  std::mt19937 random(3);
  uint64_t seq = 0;
  while (++seq <= 5'000) world.Apply(seq, static_cast<int64_t>(seq) * kSecond, random());
  Rows rows;
  rows.SaveFrom(*world.kinds, 0);
  EXPECT_EQ(rows.written, 3u);
  rows.SaveFrom(*world.kinds, seq);
  EXPECT_EQ(rows.written, 3u);
}

TEST(EstimatePropertyTest, ForgottenKindsAreSavedAsGone) {
  Kinds kinds;
  kinds.KeepRows();
  Rows rows;
  for (size_t i = 0; i <= kMaxKinds; ++i) {
    Replay job(&kinds, "k" + std::to_string(i) + ":1");
    job.Progress(static_cast<double>(i), "a", 0.5);
    job.Complete(static_cast<double>(i) + 0.5);
    if (i + 1 == kMaxKinds) rows.SaveFrom(kinds, 0);
  }
  EXPECT_EQ(kinds.size(), kMaxKinds);
  rows.SaveFrom(kinds, 0);
  EXPECT_EQ(rows.rows.size(), kMaxKinds);
  EXPECT_FALSE(rows.rows.contains("kk0"));
  EXPECT_TRUE(rows.rows.contains("kk1"));
}

TEST(EstimatePropertyTest, AKindRemembersSoManySteps) {
  Kinds kinds;
  Replay job(&kinds, "build:1");
  double now = 0;
  for (int i = 1; i <= 200; ++i) {
    job.Step(now, "s" + std::to_string(i), v1::StepStatus::STARTED);
    job.Step(now += i, "s" + std::to_string(i), v1::StepStatus::DONE);
  }
  job.Complete(now);
  Rows rows;
  rows.SaveFrom(kinds, 0);
  EXPECT_LT(rows.rows.at("kbuild").size(), kMaxKindSteps * 60 + 500);
  // The longest are among them.
  Replay next(&kinds, "build:2");
  next.Step(0, "s200", v1::StepStatus::STARTED);
  EXPECT_NEAR(*next.Step(200, "s200", v1::StepStatus::DONE).overall, 200.0 / ((137 + 200) * 64 / 2), 1e-3);
}

TEST(EstimatePropertyTest, BrokenRowsAreDataLoss) {
  Kinds kinds;
  EXPECT_EQ(kinds.Load("kvideo", "\xff\xff").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(kinds.Load("", "").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(kinds.Load("xvideo", "").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(LoadCourse("\xff\xff").status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace milepost::jobs
