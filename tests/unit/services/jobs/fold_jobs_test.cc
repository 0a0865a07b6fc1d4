// What the fold makes of jobs: what may follow what, and random histories whose jobs come out the same by every way.
#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/canonical.h"
#include "proto/contract/job_state.h"
#include "services/jobs/fold.h"
#include "tests/support/events.h"

namespace milepost::jobs {
namespace {

using contract::Canonical;
using ::testing::HasSubstr;
using v1::JobState;

std::map<std::string, std::string> States(const Fold& fold) {
  std::map<std::string, std::string> states;
  fold.ForEachJob([&](const JobPtr& job) { states[job->name()] = Canonical(FullState(*job)); });
  return states;
}

std::string Hex(const std::string& bytes) { return absl::BytesToHexString(bytes); }

// All that a fold knows of its jobs beside their states.
std::map<std::string, std::string> Others(const Fold& fold) {
  std::map<std::string, std::string> others;
  fold.ForEachJob([&](const JobPtr& job) {
    std::string& text = others[job->name()];
    text = absl::StrCat(job->created, " ", job->last, " ", job->producer, " ", Hex(SaveCourse(job->course)), " ", job->before_stall);
    for (const Request& r : job->requests) {
      absl::StrAppend(&text, " ", r.seq, "/", r.action, "/", r.phase, "/", r.deadline_nanos, "/", r.reason, "/", r.superseded);
    }
    for (const std::string& name : *job->names) absl::StrAppend(&text, " ", name);
    for (const std::string& producer : job->replaced) absl::StrAppend(&text, " ", producer);
  });
  return others;
}

struct Driver {
  Verdict Apply(v1::ProgressEvent event) {
    Input input{.seq = ++seq, .commit_nanos = nanos += 1'000'000, .event = &event};
    return fold.Apply(input);
  }
  Verdict Apply(const std::string& text, uint32_t attempt = 1) {
    v1::ProgressEvent event;
    event.set_job("job:1");
    if (attempt != 1) event.set_attempt(attempt);
    if (text == "completed") event.mutable_completed();
    if (text == "failed") event.mutable_failed()->set_code("X");
    if (text == "cancelled") event.mutable_cancelled();
    if (text == "notice") event.mutable_notice();
    if (text == "artifact") event.mutable_output()->mutable_artifact()->set_name("a");
    if (text == "running") event.mutable_status()->set_state(v1::JobStatus::RUNNING);
    if (text == "stalled") event.mutable_status()->set_state(v1::JobStatus::STALLED);
    if (text == "progress") event.mutable_progress()->set_step("a");
    if (text == "step") event.mutable_step()->set_id("a");
    return Apply(event);
  }
  Verdict Ask(v1::Control::Action action) {
    v1::ProgressEvent event;
    event.set_job("job:1");
    event.mutable_control()->set_action(action);
    event.mutable_control()->set_phase(v1::Control::REQUESTED);
    return Apply(event);
  }
  std::string Why(const std::string& text, uint32_t attempt = 1) {
    const Verdict verdict = Apply(text, attempt);
    EXPECT_EQ(verdict.is_event, verdict.status.ok());
    EXPECT_TRUE(verdict.status.ok() || absl::IsFailedPrecondition(verdict.status));
    return std::string(verdict.status.message());
  }

  Fold fold;
  uint64_t seq = 0;
  int64_t nanos = 1'000'000'000;
};

TEST(FoldJobsTest, AfterTheEndNothingMovesTheJob) {
  for (const char* end : {"completed", "failed", "cancelled"}) {
    Driver driver;
    EXPECT_EQ(driver.Why("running"), "");
    EXPECT_EQ(driver.Why(end), "");
    for (const char* late : {"running", "progress", "step", "completed", "failed", "cancelled", "stalled"}) {
      const std::string next = end == std::string("completed") ? "another run needs another name" : "another run is attempt 2";
      EXPECT_EQ(driver.Why(late), absl::StrCat("job:1 has ended: attempt 1 is ", end, "; ", next)) << late;
    }
    EXPECT_EQ(driver.Why("notice"), "") << "words may still be said";
    EXPECT_EQ(driver.Why("artifact"), "");
  }
}

TEST(FoldJobsTest, ANewerAttemptFencesTheOlderOne) {
  Driver driver;
  EXPECT_EQ(driver.Why("running"), "");
  EXPECT_EQ(driver.Why("running", 3), "");
  for (const char* zombie : {"running", "progress", "completed", "notice"}) {
    EXPECT_EQ(driver.Why(zombie, 1), "attempt: 1 is over: job:1 is at attempt 3; another run is attempt 4");
    EXPECT_EQ(driver.Why(zombie, 2), "attempt: 2 is over: job:1 is at attempt 3; another run is attempt 4");
  }
  EXPECT_EQ(driver.Why("failed", 3), "");
  EXPECT_EQ(driver.Why("progress", 4), "");
  EXPECT_EQ(driver.Why("completed", 4), "");
  EXPECT_EQ(driver.Why("running", 5), "attempt: job:1 is completed: no attempt follows; another run needs another name");
  EXPECT_EQ(driver.Why("running", 1), "attempt: 1 is over: job:1 is at attempt 4; another run needs another name");
}

TEST(FoldJobsTest, AJobHasAtMost64Labels) {
  Driver driver;
  v1::ProgressEvent event;
  event.set_job("job:1");
  for (int i = 0; i < 64; ++i) {
    event.mutable_status()->clear_labels();
    (*event.mutable_status()->mutable_labels())["k" + std::to_string(i)] = "v";
    EXPECT_TRUE(driver.Apply(event).is_event);
  }
  EXPECT_TRUE(driver.Apply(event).is_event) << "a known one may change";
  (*event.mutable_status()->mutable_labels())["more"] = "v";
  EXPECT_EQ(std::string(driver.Apply(event).status.message()),
            "status.labels: job:1 would have 65 labels, at most 64 may be set over the life of a job");
}

TEST(FoldJobsTest, AStallIsSaidOnceAnEpisode) {
  Driver driver;
  driver.Apply("running");
  EXPECT_EQ(driver.Why("stalled"), "");
  EXPECT_EQ(driver.Why("stalled"), "status.state: job:1 is stalled already");
  EXPECT_EQ(driver.Why("progress"), "");
  EXPECT_EQ(driver.Why("stalled"), "");
}

TEST(FoldJobsTest, AControlEventBeginsNoAttempt) {
  Driver driver;
  driver.Apply("running");
  v1::ProgressEvent answer;
  answer.set_job("job:1");
  answer.set_attempt(9);
  answer.mutable_control()->set_request(77);
  answer.mutable_control()->set_action(v1::Control::CANCEL);
  answer.mutable_control()->set_phase(v1::Control::HONOURED);
  EXPECT_THAT(std::string(driver.Apply(answer).status.message()), HasSubstr("control.request: 77 is not open"));
  EXPECT_EQ(driver.Why("progress", 1), "");
  EXPECT_TRUE(driver.Ask(v1::Control::CANCEL).is_event);
  answer.mutable_control()->set_request(driver.seq);
  EXPECT_TRUE(driver.Apply(answer).is_event);
  EXPECT_EQ(driver.Why("progress", 1), "");
}

TEST(FoldJobsTest, ARequestWhosePlaceWasTakenIsNotMadeAgain) {
  Driver driver;
  driver.Apply("running");
  const Verdict pause = driver.Ask(v1::Control::PAUSE);
  EXPECT_EQ(driver.Ask(v1::Control::PAUSE).seq, pause.seq);
  EXPECT_TRUE(driver.Ask(v1::Control::CANCEL).is_event);
  EXPECT_TRUE(absl::IsFailedPrecondition(driver.Ask(v1::Control::PAUSE).status));
}

TEST(FoldJobsTest, WhatIsSharedStaysAsItIs) {
  Driver driver;
  driver.Apply("running");
  const JobPtr shared = driver.fold.TakeChanges().jobs.at(0);
  driver.Apply("completed");
  EXPECT_EQ(shared->state.state(), JobState::RUNNING);
  const JobChanges changes = driver.fold.TakeChanges();
  ASSERT_EQ(changes.jobs.size(), 1u);
  EXPECT_EQ(changes.jobs[0]->state.state(), JobState::COMPLETED);
  EXPECT_TRUE(driver.fold.TakeChanges().jobs.empty());
}

// Events of all kinds, of few jobs, attempts and steps, so that they meet.
v1::ProgressEvent RandomEvent(std::mt19937& random, uint64_t seq) {
  v1::ProgressEvent event;
  event.set_job("job:" + std::to_string(random() % 4));
  if (random() % 4 == 0) event.set_attempt(random() % 12 == 0 ? 3 : random() % 2 + 1);
  if (random() % 6 == 0) event.add_resources("user:" + std::to_string(random() % 3));
  const std::string step = "s" + std::to_string(random() % 5);
  switch (random() % 14) {
    case 0: {
      auto& status = *event.mutable_status();
      status.set_state(static_cast<v1::JobStatus::State>(random() % v1::JobStatus::State_ARRAYSIZE));
      if (random() % 2) status.set_title("t" + std::to_string(random() % 9));
      (*status.mutable_labels())["k" + std::to_string(random() % 3)] = "v";
      for (uint32_t i = 0, n = random() % 5; i < n; ++i) {
        auto* planned = status.add_steps();
        planned->set_id("s" + std::to_string(i));
        if (random() % 2) planned->set_weight(random() % 30);
        if (i > 0 && random() % 3 == 0) planned->set_parent("s0");
      }
      break;
    }
    case 1:
    case 2:
    case 3:
      event.mutable_step()->set_id(step);
      event.mutable_step()->set_state(static_cast<v1::StepStatus::State>(random() % 5 + 1));
      break;
    case 4:
      event.mutable_notice()->set_severity(v1::Notice::WARNING);
      break;
    case 5:
      event.mutable_output()->mutable_line()->set_text("line");
      (*event.mutable_metadata()->mutable_fields())["m" + std::to_string(random() % 3)].set_number_value(random() % 9);
      break;
    case 6:
      if (random() % 6 == 0) {
        event.mutable_completed();
      } else if (random() % 3 == 0) {
        event.mutable_failed()->set_code("X");
      } else if (random() % 3 == 0) {
        event.mutable_cancelled();
      } else {
        event.mutable_custom()->set_name("x");
      }
      break;
    case 7: {
      auto& control = *event.mutable_control();
      control.set_action(static_cast<v1::Control::Action>(random() % 4 + 1));
      control.set_phase(static_cast<v1::Control::Phase>(random() % 5 + 1));
      if (random() % 2) control.set_phase(v1::Control::REQUESTED);
      if (control.phase() == v1::Control::REQUESTED) {
        control.mutable_deadline()->set_seconds(random());
        control.set_reason("r");
      } else {
        control.set_request(seq - std::min<uint64_t>(seq - 1, random() % 40));
      }
      break;
    }
    default:
      event.mutable_progress()->set_step(step);
      if (random() % 3) event.mutable_progress()->set_fraction(random() % 101 / 100.0);
      if (random() % 3 == 0) {
        event.mutable_progress()->set_done(random() % 50);
        event.mutable_progress()->set_total(random() % 90);
      }
  }
  return event;
}

// An accepted history: what any reader of everything has.
struct History {
  explicit History(uint32_t seed) : random(seed) {}

  // One more record, in each of the folds; their verdicts and events agree.
  void Step(std::vector<Fold*> folds) {
    const v1::ProgressEvent event = RandomEvent(random, ++seq);
    nanos += random() % 5'000'000'000;
    std::string first;
    for (Fold* fold : folds) {
      v1::ProgressEvent copy = event;
      const Verdict verdict = fold->Apply({.seq = seq, .commit_nanos = nanos, .event = &copy, .producer = "p", .number = seq});
      if (fold == folds[0]) {
        first = Canonical(copy);
        if (verdict.is_event) events.push_back(copy);
      }
      ASSERT_EQ(Canonical(copy), first) << "record " << seq;
      if (random() % 3 == 0) fold->TakeChanges();
    }
  }

  std::mt19937 random;
  uint64_t seq = 0;
  int64_t nanos = 1'700'000'000'000'000'000;
  std::vector<v1::ProgressEvent> events;
};

TEST(FoldJobsPropertyTest, SnapshotAndTailAreEverythingByEveryWay) {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    History history(seed);
    Fold kept, other;
    auto reloaded = std::make_unique<Fold>();
    reloaded->KeepRows();
    std::map<std::string, std::string> rows;
    uint64_t saved = 0;
    std::map<std::string, JobState> readers;  // each took a snapshot of its job at some time and applies what follows
    for (int i = 0; i < 500; ++i) {
      const size_t known = history.events.size();
      history.Step({&kept, &other, reloaded.get()});
      if (::testing::Test::HasFatalFailure()) return;
      if (history.events.size() > known) {
        const auto reader = readers.find(history.events.back().job());
        if (reader != readers.end()) contract::Reduce(history.events.back(), &reader->second);
      }
      if (history.random() % 40 == 0) {
        kept.ForEachJob([&](const JobPtr& job) { readers[job->name()] = FullState(*job); });
      }
      if (history.random() % 30 == 0) {
        reloaded->TakeChanges();
        reloaded->Save(saved, [&](std::string key, std::string value) {
          value.empty() ? (void)rows.erase(key) : (void)(rows[key] = value);
        });
        saved = history.seq;
        reloaded = std::make_unique<Fold>();
        reloaded->KeepRows();
        Fold::Loader loader(reloaded.get());
        for (const auto& [key, value] : rows) ASSERT_TRUE(loader.Add(key, value).ok());
        loader.Finish();
      }
    }
    const auto states = States(kept);
    ASSERT_EQ(States(other), states);
    ASSERT_EQ(States(*reloaded), states);
    ASSERT_EQ(Others(*reloaded), Others(kept));
    std::map<std::string, JobState> everything;
    for (const v1::ProgressEvent& event : history.events) contract::Reduce(event, &everything[event.job()]);
    for (const auto& [job, state] : everything) ASSERT_EQ(Canonical(state), states.at(job)) << job;
    for (const auto& [job, state] : readers) ASSERT_EQ(Canonical(state), states.at(job)) << job;
  }
}

TEST(FoldJobsPropertyTest, OverallNeverFallsAndAnAttemptEndsOnce) {
  size_t ends = 0, overalls = 0;
  for (uint32_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    History history(seed);
    Fold fold;
    for (int i = 0; i < 500; ++i) history.Step({&fold});
    std::map<std::pair<std::string, uint32_t>, int> ended;
    std::map<std::pair<std::string, uint32_t>, double> overall;
    std::map<std::string, uint32_t> newest;
    std::map<std::string, bool> completed;
    for (const v1::ProgressEvent& event : history.events) {
      if (event.has_control()) continue;
      const uint32_t attempt = contract::AttemptOf(event);
      const auto key = std::make_pair(event.job(), attempt);
      ASSERT_GE(attempt, newest[event.job()]) << "an older attempt wrote";
      ASSERT_TRUE(attempt == newest[event.job()] || !completed[event.job()]) << "an attempt after completed";
      newest[event.job()] = attempt;
      if (event.has_completed() || event.has_failed() || event.has_cancelled()) {
        ++ends;
        ASSERT_EQ(++ended[key], 1);
        completed[event.job()] = event.has_completed();
      }
      if (!event.has_overall()) continue;
      ++overalls;
      ASSERT_GE(event.overall(), overall[key]);
      ASSERT_LE(event.overall(), 1);
      ASSERT_TRUE(event.overall() < 1 || completed[event.job()]);
      overall[key] = event.overall();
    }
  }
  EXPECT_GT(ends, 100u);
  EXPECT_GT(overalls, 1000u);
}

}  // namespace
}  // namespace milepost::jobs
