// Events in, lines out.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tools/milepost/text.h"
#include "tools/milepost/watch_view.h"

namespace milepost::tool {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class WatchViewTest : public testing::Test {
 protected:
  // An event of job:1, `second` seconds after the start.
  v1::ProgressEvent Event(int64_t second) {
    v1::ProgressEvent event;
    event.set_job("job:1");
    event.set_seq(++seq_);
    event.mutable_commit_time()->set_seconds(1000 + second);
    return event;
  }

  void Status(int64_t second, v1::JobStatus::State state, absl::string_view title) {
    v1::ProgressEvent event = Event(second);
    event.mutable_status()->set_state(state);
    if (!title.empty()) event.mutable_status()->set_title(std::string(title));
    view_.Apply(event);
  }

  v1::ProgressEvent Progress(int64_t second, absl::string_view step, double fraction, absl::string_view message = "") {
    v1::ProgressEvent event = Event(second);
    event.mutable_progress()->set_step(std::string(step));
    event.mutable_progress()->set_fraction(fraction);
    event.mutable_progress()->set_message(std::string(message));
    view_.Apply(event);
    return event;
  }

  std::vector<std::string> Lines(int64_t second, size_t width = 60, size_t height = 50) {
    return view_.Render(WatchView::Time(std::chrono::seconds(1000 + second)), width, height);
  }

  WatchView view_{false};
  uint64_t seq_ = 0;
};

TEST_F(WatchViewTest, AJobIsALineAndEachStepAnother) {
  Status(0, v1::JobStatus::RUNNING, "Nightly");
  Progress(5, "compile", 0.4, "main.cc");
  EXPECT_THAT(Lines(65), ElementsAre("job:1  Nightly                                 RUNNING  1:05",  //
                                     "  compile ######.........  40%  main.cc                 1:00"));
}

TEST_F(WatchViewTest, TheServicesPercentIsShownAndOtherwiseAMarkedEstimateOfThePlan) {
  v1::ProgressEvent plan = Event(0);
  plan.mutable_status()->set_state(v1::JobStatus::RUNNING);
  for (const char* id : {"a", "b"}) plan.mutable_status()->add_steps()->set_id(id);
  plan.mutable_status()->mutable_steps(1)->set_weight(3);
  view_.Apply(plan);
  Progress(1, "a", 1);
  EXPECT_THAT(Lines(1)[0], HasSubstr("RUNNING ~25%"));
  v1::ProgressEvent event = Progress(2, "b", 0.5);
  event.set_seq(++seq_);
  event.set_overall(0.7);
  event.mutable_eta()->set_seconds(41);
  view_.Apply(event);
  EXPECT_THAT(Lines(2)[0], HasSubstr("RUNNING  70%  0:02  eta 0:41"));
}

TEST_F(WatchViewTest, WithoutAPlanNoPercentIsMadeUp) {
  Status(0, v1::JobStatus::RUNNING, "");
  Progress(1, "a", 0.5);
  EXPECT_EQ(Lines(1)[0].find('%'), std::string::npos);
}

TEST_F(WatchViewTest, NoLineIsWiderThanTheTerminal) {
  Status(0, v1::JobStatus::RUNNING, "漢字 " + std::string(300, 'x'));
  Progress(1, "a-step-with-a-name-that-is-much-too-long-for-a-column", 0.333, std::string(300, 'y'));
  v1::ProgressEvent line = Event(2);
  line.mutable_output()->mutable_line()->set_text(std::string(300, 'z') + "\x1b[2J\n");
  view_.Apply(line);
  for (size_t width = 0; width < 120; ++width) {
    for (const std::string& text : Lines(3, width)) {
      EXPECT_LE(Columns(text), width);
      EXPECT_EQ(text.find_first_of("\x1b\n\r"), std::string::npos);
    }
  }
}

TEST_F(WatchViewTest, ThePictureFitsTheHeightAndKeepsWhatRuns) {
  for (int i = 0; i < 30; ++i) {
    v1::ProgressEvent event = Event(0);
    event.set_job(absl::StrCat("job:", 10 + i));
    if (i == 0) {
      event.mutable_status()->set_state(v1::JobStatus::RUNNING);
    } else {
      event.mutable_completed();
    }
    view_.Apply(event);
  }
  EXPECT_THAT(Lines(0, 60, 30), SizeIs(30));
  const auto lines = Lines(0, 60, 29);
  ASSERT_THAT(lines, SizeIs(29));
  EXPECT_EQ(lines.front(), "(2 lines more)");
  EXPECT_THAT(lines.back(), HasSubstr("job:10 "));
}

TEST_F(WatchViewTest, EndsAreToldApartAndTimeStops) {
  const auto ended = [&](auto set) {
    Status(0, v1::JobStatus::RUNNING, "");
    v1::ProgressEvent event = Event(10);
    set(event);
    view_.Apply(event);
    return view_.EndOf("job:1");
  };
  EXPECT_EQ(view_.EndOf("job:1"), WatchedEnd::kNone);
  EXPECT_EQ(ended([](auto& e) { e.mutable_failed()->set_code("EXIT_CODE"); }), WatchedEnd::kFailed);
  EXPECT_THAT(Lines(99)[0], HasSubstr("job:1 - EXIT_CODE"));
  EXPECT_THAT(Lines(99)[0], HasSubstr("FAILED  0:10"));
  EXPECT_EQ(ended([](auto& e) { e.mutable_cancelled(); }), WatchedEnd::kCancelled);
  EXPECT_EQ(ended([](auto& e) { e.mutable_completed(); }), WatchedEnd::kCompleted);
}

TEST_F(WatchViewTest, ANewAttemptBeginsAnew) {
  Progress(1, "a", 0.5);
  v1::ProgressEvent failed = Event(2);
  failed.mutable_failed()->set_code("X");
  view_.Apply(failed);
  v1::ProgressEvent again = Event(3);
  again.set_attempt(2);
  again.mutable_status()->set_state(v1::JobStatus::RUNNING);
  view_.Apply(again);
  EXPECT_EQ(view_.EndOf("job:1"), WatchedEnd::kNone);
  // The step is known, and untouched again.
  EXPECT_THAT(Lines(4), ElementsAre(HasSubstr("RUNNING #2  0:01"), "  a" + std::string(57, ' ')));
}

TEST_F(WatchViewTest, AJobThatStandsStillSaysWhyUntilItMoves) {
  Progress(0, "a", 0.5);
  v1::ProgressEvent stalled = Event(60);
  stalled.mutable_status()->set_state(v1::JobStatus::STALLED);
  stalled.mutable_status()->set_message("no progress for 60 s");
  view_.Apply(stalled);
  EXPECT_THAT(Lines(60), ElementsAre(HasSubstr("STALLED"), "  ! no progress for 60 s", HasSubstr("a ")));
  EXPECT_EQ(view_.PlainLine(stalled), "job:1 STALLED no progress for 60 s");
  Progress(61, "a", 0.6);
  EXPECT_THAT(Lines(61), ElementsAre(HasSubstr("RUNNING"), HasSubstr("a ")));
}

TEST_F(WatchViewTest, TheTimeToTheEndRunsDownFromTheEventThatSaidIt) {
  v1::ProgressEvent event = Event(0);
  event.mutable_progress()->set_step("a");
  event.set_overall(0.25);
  event.mutable_eta()->set_seconds(100);
  view_.Apply(event);
  EXPECT_THAT(Lines(40)[0], HasSubstr(" 25%  0:40  eta 1:00"));
  EXPECT_THAT(Lines(400)[0], Not(HasSubstr("eta"))) << "nobody knows any more";
  EXPECT_THAT(Lines(-400)[0], HasSubstr("eta 1:40"));  // a clock that is behind
}

TEST_F(WatchViewTest, ASnapshotIsALineOfALogToo) {
  v1::JobState state;
  state.set_job("job:1");
  state.set_state(v1::JobState::RUNNING);
  EXPECT_EQ(WatchView::PlainLine(state, WatchView::Time()), "job:1 RUNNING");
  state.set_title("Nightly");
  state.set_overall(0.355);
  state.mutable_eta()->set_seconds(61);
  state.set_step("compile");
  state.set_message("main.cc");
  EXPECT_EQ(WatchView::PlainLine(state, WatchView::Time()), "job:1 RUNNING 35% eta 1:01  Nightly  compile  main.cc");
  state.set_state(v1::JobState::FAILED);
  state.mutable_error()->set_code("PROVIDER");
  state.mutable_error()->set_message("quota");
  EXPECT_EQ(WatchView::PlainLine(state, WatchView::Time()), "job:1 FAILED 35%  Nightly  compile  PROVIDER: quota");
}

TEST_F(WatchViewTest, RequestsAndTheirEndsAreLinesOfALog) {
  v1::ProgressEvent event = Event(0);
  event.mutable_control()->set_action(v1::Control::PAUSE);
  event.mutable_control()->set_phase(v1::Control::REFUSED);
  event.mutable_control()->set_reason("the command is paused already");
  view_.Apply(event);
  EXPECT_EQ(view_.PlainLine(event), "job:1 pause was refused: the command is paused already");
}

TEST_F(WatchViewTest, ASnapshotReplacesAndEventsInItAreNotAppliedAgain) {
  Progress(1, "old", 0.5);
  v1::JobState state;
  state.set_job("job:1");
  state.set_state(v1::JobState::RUNNING);
  state.set_cursor("abcd1234-10");
  auto* step = state.add_steps();
  step->set_id("new");
  step->set_fraction(0.6);
  step->set_state(v1::StepState::STARTED);
  view_.Apply(state);
  seq_ = 9;
  Progress(2, "new", 0.1);  // 10: in the snapshot
  EXPECT_THAT(Lines(2)[1], HasSubstr(" 60%"));
  Progress(2, "new", 0.7);
  EXPECT_THAT(Lines(2), ElementsAre(HasSubstr("job:1"), HasSubstr(" 70%")));
}

TEST_F(WatchViewTest, JobsAndStepsAreBounded) {
  for (size_t i = 0; i < kMaxWatchedSteps + 1; ++i) Progress(0, absl::StrCat("s", i), 0.5);
  EXPECT_THAT(Lines(0, 60, 10000), SizeIs(kMaxWatchedSteps + 1));
  for (size_t i = 0; i < kMaxWatchedJobs; ++i) {
    v1::ProgressEvent event = Event(0);
    event.set_job(absl::StrCat("job:x", i));
    event.mutable_status();
    view_.Apply(event);
  }
  EXPECT_THAT(Lines(0, 60, 10000), SizeIs(kMaxWatchedJobs));  // job:1, the oldest, is forgotten
}

TEST_F(WatchViewTest, ALogGetsALineForEachTenthOfAStep) {
  size_t told = 0;
  for (int i = 0; i <= 100; ++i) told += view_.PlainLine(Progress(0, "a", i / 100.0)).empty() ? 0 : 1;
  EXPECT_GE(told, 10u);
  EXPECT_LE(told, 12u);
  EXPECT_EQ(view_.PlainLine(Progress(20, "a", 1, "done")), "job:1 a 100%  done");
}

TEST_F(WatchViewTest, UnicodeBarsHaveEighths) {
  WatchView view(true);
  view.Apply(Progress(0, "a", 0.5 / 15));
  EXPECT_THAT(view.Render(WatchView::Time(std::chrono::seconds(1000)), 60, 10)[1], HasSubstr("  a ▌░░░░░░░░░░░░░░   3%"));
}

TEST(DrawFrameTest, WritesOverWhatWasThereAndErasesOnlyLeftovers) {
  EXPECT_EQ(DrawFrame(0, {}, {"a"}), "a\x1b[K\n");
  EXPECT_EQ(DrawFrame(2, {"x"}, {"a", "b"}), "\r\x1b[2Ax\x1b[K\na\x1b[K\nb\x1b[K\n");
  EXPECT_EQ(DrawFrame(3, {}, {"a"}), "\r\x1b[3Aa\x1b[K\n\x1b[J");
}

TEST(ClockTextTest, HasHoursOnlyWhenThereAreAny) {
  EXPECT_EQ(ClockText(std::chrono::seconds(7)), "0:07");
  EXPECT_EQ(ClockText(std::chrono::seconds(3599)), "59:59");
  EXPECT_EQ(ClockText(std::chrono::seconds(3723)), "1:02:03");
  EXPECT_EQ(ClockText(std::chrono::seconds(-5)), "0:00");
}

}  // namespace
}  // namespace milepost::tool
