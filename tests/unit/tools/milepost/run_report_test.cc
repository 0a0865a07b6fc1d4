// What `milepost run` tells, when, and how much of it; and how a command is asked to end.
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/milepost/escalation.h"
#include "tools/milepost/run_control.h"
#include "tools/milepost/run_report.h"
#include "tools/milepost/text.h"

namespace milepost::tool {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using std::chrono::milliseconds;

class RunReportTest : public testing::Test {
 protected:
  RunReport& Report() {
    if (!report_) report_ = std::make_unique<RunReport>(options_, [this](v1::ProgressEvent event) { events_.push_back(std::move(event)); });
    return *report_;
  }

  // Every event in a word or two.
  std::vector<std::string> Told() {
    std::vector<std::string> told;
    for (const v1::ProgressEvent& event : events_) {
      switch (event.event_case()) {
        case v1::ProgressEvent::kStatus:
          told.push_back(v1::JobStatus::State_Name(event.status().state()));
          break;
        case v1::ProgressEvent::kStep:
          told.push_back(absl::StrCat(event.step().id(), " ", v1::StepStatus::State_Name(event.step().state())));
          break;
        case v1::ProgressEvent::kProgress:
          told.push_back(absl::StrCat(event.progress().step(), " ", event.progress().has_fraction() ? event.progress().fraction() : event.progress().done()));
          break;
        case v1::ProgressEvent::kOutput:
          told.push_back(absl::StrCat(event.output().line().stream(), ": ", event.output().line().text()));
          break;
        case v1::ProgressEvent::kFailed:
          told.push_back(absl::StrCat(event.failed().code(), " ", event.failed().message()));
          break;
        default:
          told.push_back(event.has_completed() ? "completed" : event.has_cancelled() ? "cancelled" : "?");
      }
    }
    events_.clear();
    return told;
  }

  RunReportOptions options_{.job = "job:1"};
  std::vector<v1::ProgressEvent> events_;
  std::unique_ptr<RunReport> report_;
  RunReport::Time now_{};
};

TEST_F(RunReportTest, BeginsWithTitleKindAndResources) {
  options_.title = "make";
  options_.kind = "build";
  options_.resources = {"user:7"};
  options_.attempt = 2;
  Report().Begin();
  ASSERT_THAT(events_, SizeIs(1));
  EXPECT_EQ(events_[0].status().title(), "make");
  EXPECT_EQ(events_[0].status().kind(), "build");
  EXPECT_EQ(events_[0].resources(0), "user:7");
  EXPECT_EQ(events_[0].attempt(), 2u);
}

TEST(KindOfProgramTest, IsTheBaseNameAsAKind) {
  EXPECT_EQ(KindOfProgram("make"), "make");
  EXPECT_EQ(KindOfProgram("/usr/bin/python3.11"), "python3-11");
  EXPECT_EQ(KindOfProgram("./Nightly Build.sh"), "nightly-build-sh");
  EXPECT_EQ(KindOfProgram("7z"), "z");
  EXPECT_EQ(KindOfProgram("_a-b_c"), "a-b_c");
  EXPECT_EQ(KindOfProgram("42"), "");
  EXPECT_EQ(KindOfProgram("übersetze"), "bersetze");
  EXPECT_EQ(KindOfProgram("a/"), "");
  EXPECT_EQ(KindOfProgram(std::string(100, 'x')), std::string(32, 'x'));
}

TEST_F(RunReportTest, AStepIsToldAtMostOnceInItsIntervalAndItsNewestStateAlways) {
  options_.output = false;
  for (int percent = 10; percent < 60; percent += 10) Report().Output("stdout", absl::StrCat("[ ", percent, "%] x\n"), now_);
  EXPECT_THAT(Told(), ElementsAre("build STARTED", "build 0.1"));
  Report().Tick(now_ + kProgressInterval - milliseconds(1));
  EXPECT_THAT(Told(), IsEmpty());
  Report().Tick(now_ + kProgressInterval);
  EXPECT_THAT(Told(), ElementsAre("build 0.5"));
  Report().Output("stdout", "[ 70%] x\n", now_ + kProgressInterval);
  Report().End({.number = 0}, now_ + kProgressInterval);
  EXPECT_THAT(Told(), ElementsAre("build 0.7", "build DONE", "completed"));
}

TEST_F(RunReportTest, LinesGoOutTogetherAndOnlyTheNewest) {
  Report().Output("stdout", "a\n", now_);
  EXPECT_THAT(Told(), ElementsAre("stdout: a"));
  for (size_t i = 0; i < kMaxLinesAtOnce + 5; ++i) Report().Output(i % 2 == 0 ? "stdout" : "stderr", absl::StrCat("l", i, "\n"), now_);
  EXPECT_THAT(Told(), IsEmpty());
  Report().Tick(now_ + kOutputInterval);
  const std::vector<std::string> told = Told();
  ASSERT_THAT(told, SizeIs(kMaxLinesAtOnce));
  EXPECT_EQ(told.front(), "stderr: l5");
  EXPECT_EQ(told.back(), absl::StrCat("stdout: l", kMaxLinesAtOnce + 4));
}

TEST_F(RunReportTest, WhatWasDrawnOverAndEscapesAreNoLines) {
  Report().Output("stdout", "1\r2\r\x1b[31m3\x1b[0m\x1b[K\n\n", now_);
  EXPECT_THAT(Told(), ElementsAre("stdout: 3"));
}

TEST_F(RunReportTest, LongLinesAreCutBetweenCharactersAndInvalidBytesReplaced) {
  Report().Output("stdout", std::string(kMaxLineBytes - 1, 'x') + "é\n", now_);
  Report().Tick(now_);
  ASSERT_THAT(events_, SizeIs(1));
  EXPECT_LE(events_[0].output().line().text().size(), kMaxLineBytes);
  EXPECT_TRUE(absl::EndsWith(events_[0].output().line().text(), "x…"));
  events_.clear();
  Report().Output("stdout", std::string(kMaxLineBytes, 'x') + "\nbad \xff\n", now_ + kOutputInterval);
  ASSERT_THAT(events_, SizeIs(2));
  EXPECT_EQ(events_[0].output().line().text().size(), kMaxLineBytes);
  EXPECT_FALSE(absl::EndsWith(events_[0].output().line().text(), "…"));
  EXPECT_EQ(events_[1].output().line().text(), "bad \uFFFD");
}

TEST_F(RunReportTest, RedactsTitlesMessagesAndLinesBeforeTheyAreCut) {
  options_.redact = {std::make_shared<RE2>("key=[a-z]+")};
  options_.title = "deploy key=abc";
  Report().Begin();
  Report().Output("stdout", "[ 10%] key=abc\n" + std::string(kMaxLineBytes - 6, 'x') + " key=abcdefghijkl\n", now_);
  Report().End({.number = 0}, now_);
  for (const v1::ProgressEvent& event : events_) EXPECT_FALSE(absl::StrContains(event.ShortDebugString(), "key=")) << event.ShortDebugString();
  EXPECT_EQ(events_[0].status().title(), "deploy ***");
}

TEST_F(RunReportTest, ALineWithoutAnEndIsLookedAtWhenNothingMoreComes) {
  options_.output = false;
  Report().Output("stderr", "\r 10%|#| 1/10 [00:01<00:09, 1.0it/s]", now_);
  EXPECT_THAT(Told(), IsEmpty());
  Report().Tick(now_ + kProgressInterval);
  EXPECT_THAT(Told(), ElementsAre("loop STARTED", "loop 1"));
  Report().Tick(now_ + 2 * kProgressInterval);
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(RunReportTest, AStepEndsWhenTheNextOneBegins) {
  options_.output = false;
  Report().Output("stdout", "[ 50%] a\n[100%] b\n 1/2 Test #1: x ... Passed\n", now_);
  EXPECT_THAT(Told(), ElementsAre("build STARTED", "build 0.5", "build 1", "build DONE", "test STARTED", "test 1"));
}

TEST_F(RunReportTest, AFailureFailsTheStepThatMovedLast) {
  options_.output = false;
  Report().Output("stdout", "[100%] b\n 1/2 Test #1: x ... Passed\n", now_);
  Told();
  Report().End({.number = 2}, now_);
  EXPECT_THAT(Told(), ElementsAre("test FAILED", "EXIT_CODE exit code 2"));
}

TEST_F(RunReportTest, AnInterruptCancels) {
  Report().Cancelling("interrupted");
  Report().End({.how = RunOutcome::How::kKilled, .number = SIGINT, .interrupted = true, .reason = "interrupted"}, now_);
  EXPECT_THAT(Told(), ElementsAre("CANCELLING", "cancelled"));
}

TEST_F(RunReportTest, AnotherAttemptIsQueuedAndBeginsWithNothingOfTheOneBefore) {
  options_.title = "make";
  Report().Begin();
  Report().Output("stdout", "[ 50%] Building a\nhalf a li", now_);
  Report().End({.number = 2}, now_);
  EXPECT_THAT(Told(), Contains("build FAILED"));
  Report().Again();
  Report().Begin();
  ASSERT_THAT(events_, SizeIs(2));
  EXPECT_EQ(events_[0].status().state(), v1::JobStatus::QUEUED);
  EXPECT_EQ(events_[0].attempt(), 2u);
  EXPECT_EQ(events_[1].attempt(), 2u);
  EXPECT_EQ(events_[1].status().title(), "make");
  Told();
  Report().Output("stdout", "[ 20%] Building a\n", now_);
  EXPECT_THAT(Told(), ElementsAre("build STARTED", "build 0.2", "stdout: [ 20%] Building a"));
  Report().SetAttempt(5);
  Report().Again();
  EXPECT_EQ(events_[0].attempt(), 6u);
}

TEST_F(RunReportTest, ACancelOfTheServiceIsToldWithItsReasonAndNoOther) {
  const RunOutcome outcome{.how = RunOutcome::How::kKilled, .number = SIGINT, .interrupted = true, .requested = true, .reason = "too slow"};
  Report().End(outcome, now_);
  ASSERT_THAT(events_, SizeIs(1));
  EXPECT_EQ(events_[0].cancelled().reason(), "too slow");
  EXPECT_FALSE(events_[0].cancelled().has_actor());
  EXPECT_EQ(ExitStatus(outcome), 4);
}

TEST(RunOutcomeTest, ReadsAndEndsAsAShellWouldHaveIt) {
  using How = RunOutcome::How;
  EXPECT_EQ(Describe({.how = How::kKilled, .number = SIGSEGV}), "killed by SIGSEGV");
  EXPECT_EQ(ExitStatus({.how = How::kKilled, .number = SIGSEGV}), 139);
  EXPECT_EQ(ExitStatus({.how = How::kExited, .number = 7}), 7);
  EXPECT_EQ(ExitStatus({.how = How::kNotStarted, .number = ENOENT}), 127);
  EXPECT_EQ(ExitStatus({.how = How::kNotStarted, .number = EACCES}), 126);
}

TEST(EscalationTest, GoesFromPoliteToFinalWithGraceBetween) {
  Escalation escalation(milliseconds(100));
  Escalation::Time now{};
  EXPECT_FALSE(escalation.Due(now + std::chrono::hours(1)));
  EXPECT_EQ(escalation.Ask(now), SIGINT);
  EXPECT_FALSE(escalation.Due(now + milliseconds(99)));
  EXPECT_EQ(escalation.Due(now + milliseconds(100)), SIGTERM);
  EXPECT_FALSE(escalation.Due(now + milliseconds(199)));
  EXPECT_EQ(escalation.Due(now + milliseconds(200)), SIGKILL);
  EXPECT_FALSE(escalation.Due(now + std::chrono::hours(1)));
}

TEST(EscalationTest, AskingAgainHurries) {
  Escalation escalation(milliseconds(100));
  EXPECT_EQ(escalation.Ask({}), SIGINT);
  EXPECT_EQ(escalation.Ask({}), SIGTERM);
  EXPECT_EQ(escalation.Ask({}), SIGKILL);
}

TEST(EscalationTest, ADeadlineIsWhenItKills) {
  Escalation escalation(milliseconds(100));
  const Escalation::Time now{};
  escalation.Ask(now);
  escalation.KillAt(now + milliseconds(1000));
  EXPECT_FALSE(escalation.Due(now + milliseconds(99)));
  EXPECT_EQ(escalation.Due(now + milliseconds(100)), SIGTERM);
  EXPECT_FALSE(escalation.Due(now + milliseconds(999)));
  EXPECT_EQ(escalation.Due(now + milliseconds(1000)), SIGKILL);
  EXPECT_FALSE(escalation.Due(now + std::chrono::hours(1)));
}

TEST(EscalationTest, AShortDeadlineLeavesTimeForSigtermToo) {
  Escalation escalation(milliseconds(5000));
  const Escalation::Time now{};
  escalation.Ask(now);
  escalation.KillAt(now + milliseconds(1000));
  EXPECT_FALSE(escalation.Due(now + milliseconds(499)));
  EXPECT_EQ(escalation.Due(now + milliseconds(500)), SIGTERM);
  EXPECT_EQ(escalation.Due(now + milliseconds(1000)), SIGKILL);
}

TEST(EscalationTest, OfTwoDeadlinesTheEarlierCountsAndAskingAgainStillHurries) {
  Escalation escalation(milliseconds(5000));
  const Escalation::Time now{};
  escalation.Ask(now);
  escalation.KillAt(now + milliseconds(1000));
  escalation.KillAt(now + milliseconds(4000));
  EXPECT_EQ(escalation.Ask(now), SIGTERM);
  EXPECT_FALSE(escalation.Due(now + milliseconds(999)));
  EXPECT_EQ(escalation.Due(now + milliseconds(1000)), SIGKILL);
}

// Every request in every state: a word is a refusal.
TEST(RunControlTest, DoesWhatCanBeDoneAndSaysWhyNot) {
  using State = CommandState;
  const auto told = [](v1::Control::Action action, State state) {
    const Verdict verdict = Judge(action, state);
    EXPECT_EQ(verdict.reason.empty(), verdict.deed != Deed::kRefuse);
    const char* const deeds[] = {"", "end", "pause", "resume", "run again"};
    return absl::StrCat(deeds[static_cast<int>(verdict.deed)], verdict.reason);
  };
  const struct {
    State state;
    const char *cancel, *pause, *resume, *retry;
  } table[] = {
      {State::kRunning, "end", "pause", "the command is not paused", "the command is still running"},
      {State::kPaused, "end", "the command is paused already", "resume", "the command is still running"},
      {State::kEnding, "end", "the command was asked to end", "the command was asked to end", "the command is still running"},
      {State::kGone, "the command has ended", "the command has ended", "the command has ended", "the command is just ending"},
      {State::kWaiting, "the command has ended", "the command has ended", "the command has ended", "run again"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(told(v1::Control::CANCEL, row.state), row.cancel);
    EXPECT_EQ(told(v1::Control::PAUSE, row.state), row.pause);
    EXPECT_EQ(told(v1::Control::RESUME, row.state), row.resume);
    EXPECT_EQ(told(v1::Control::RETRY, row.state), row.retry);
    EXPECT_EQ(told(v1::Control::ACTION_UNSPECIFIED, row.state), "milepost run does not know this action");
  }
}

TEST(TextTest, ReplacesExactlyWhatIsNoUtf8) {
  EXPECT_EQ(ReplaceInvalidUtf8("aé漢😀"), "aé漢😀");
  for (const char* bad : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80", "\xf8\x88\x80\x80\x80"}) {
    EXPECT_FALSE(IsValidUtf8(bad));
    EXPECT_TRUE(IsValidUtf8(ReplaceInvalidUtf8(bad)));
  }
}

TEST(TextTest, CutsToColumnsOfATerminal) {
  EXPECT_EQ(Columns("aé漢😀e\u0301"), 7u);
  EXPECT_EQ(CutColumns("hello", 5), "hello");
  EXPECT_EQ(CutColumns("a\u202egnp.exe", 20), "a gnp.exe") << "no text turns the rest of its line round";
  EXPECT_EQ(CutColumns("\u200e\u200f\u061c\u2066\u2069\u2028\u2029\u009b|", 20), "        |");
  EXPECT_EQ(Columns("\u200e\u202e"), 2u) << "as shown";
  EXPECT_EQ(CutColumns("hello!", 5), "hell…");
  EXPECT_EQ(CutColumns("漢漢漢", 5), "漢漢…");
  EXPECT_EQ(CutColumns("漢漢漢", 4), "漢…");
  EXPECT_EQ(CutColumns("a\nb\x1b[31m", 20), "a b [31m");
  EXPECT_EQ(CutColumns("abc", 0), "");
}

}  // namespace
}  // namespace milepost::tool
