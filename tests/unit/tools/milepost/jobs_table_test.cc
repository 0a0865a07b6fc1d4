// Jobs as lines, and what became of requests.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tools/milepost/flags.h"
#include "tools/milepost/jobs_table.h"
#include "tools/milepost/request_watch.h"
#include "tools/milepost/text.h"

namespace milepost::tool {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using std::chrono::seconds;

const WallTime kNow{seconds(100000)};

v1::JobState Job(absl::string_view name, v1::JobState::State state) {
  v1::JobState job;
  job.set_job(std::string(name));
  job.set_state(state);
  job.set_attempt(1);
  job.mutable_create_time()->set_seconds(100000 - 300);
  job.mutable_update_time()->set_seconds(100000 - 10);
  return job;
}

TEST(JobsTableTest, ColumnsAreAlignedAndTheMessageComesLast) {
  v1::JobState running = Job("job:nightly", v1::JobState::RUNNING);
  running.set_overall(0.359);
  running.mutable_eta()->set_seconds(100);
  running.set_step("compile");
  running.set_message("main.cc");
  v1::JobState failed = Job("job:1", v1::JobState::FAILED);
  failed.set_attempt(2);
  failed.mutable_eta()->set_seconds(5);
  failed.mutable_error()->set_code("EXIT_CODE");
  failed.mutable_error()->set_message("exit code 2");
  EXPECT_THAT(JobTable({running, failed}, kNow, kAnyWidth),
              ElementsAre("JOB          STATE      DONE  ETA  AGE  STEP     MESSAGE",
                          "job:nightly  RUNNING    35%   90s  5m   compile  main.cc",
                          "job:1        FAILED #2             5m            EXIT_CODE: exit code 2"));
}

TEST(JobsTableTest, WhyAJobStandsStillAndWhatItWaitsForIsSaid) {
  v1::JobState stalled = Job("job:1", v1::JobState::STALLED);
  stalled.set_message("frame 7");
  stalled.set_stalled_reason("no progress for 60 s");
  EXPECT_THAT(JobTable({stalled}, kNow, kAnyWidth)[1], HasSubstr("no progress for 60 s"));
  v1::JobState queued = Job("job:2", v1::JobState::QUEUED);
  queued.set_queue_position(3);
  queued.mutable_start_eta()->set_seconds(70);
  EXPECT_THAT(JobTable({queued}, kNow, kAnyWidth)[1], HasSubstr("3 before it, starts in 60s"));
  queued.set_queue_position(0);
  EXPECT_EQ(QueueText(queued, kNow), "next, starts in 60s");
}

TEST(JobsTableTest, NoLineIsWiderThanTheTerminalAndNothingInItIsObeyed) {
  v1::JobState job = Job(absl::StrCat("job:", std::string(128, 'x')), v1::JobState::RUNNING);
  job.set_step(std::string(100, 's'));
  job.set_message(std::string(200, 'm') + "\x1b[2J");
  job.set_title("\x1b]0;title\x07");
  job.add_output_tail("\x1b[31mred");
  for (size_t width = 1; width < 200; ++width) {
    for (const auto& lines : {JobTable({job}, kNow, width), JobDetails(job, kNow, width)}) {
      for (const std::string& line : lines) {
        EXPECT_LE(Columns(line), width);
        EXPECT_EQ(line.find_first_of("\x1b\x07\n"), std::string::npos);
      }
    }
  }
  // Where other programs read it, a name is whole.
  EXPECT_THAT(JobTable({job}, kNow, kAnyWidth)[1], StartsWith(job.job() + "  "));
}

TEST(JobsTableTest, CountsSayHowManyAreDoneAndWhereTheOthersStand) {
  v1::JobCounts counts;
  EXPECT_EQ(CountsText(counts), "no jobs");
  counts.set_total(100);
  (*counts.mutable_by_state())["COMPLETED"] = 37;
  (*counts.mutable_by_state())["FAILED"] = 2;
  (*counts.mutable_by_state())["RUNNING"] = 61;
  EXPECT_EQ(CountsText(counts), "37 of 100 done, 2 failed, 61 running");
}

TEST(JobsTableTest, OneJobIsShownWithAllThatIsKnown) {
  v1::JobState job = Job("job:1", v1::JobState::RUNNING);
  job.set_title("Trailer");
  job.set_overall(0.5);
  job.mutable_eta()->set_seconds(60);
  job.mutable_eta_p90()->set_seconds(100);
  job.set_step("tts");
  auto* step = job.add_steps();
  step->set_id("tts");
  step->set_state(v1::StepState::STARTED);
  step->set_fraction(0.25);
  step->set_message("line 3");
  (*job.mutable_labels())["team"] = "video";
  job.add_resources("user:7");
  job.add_resources("session:1");
  job.add_output_tail("hello");
  const std::vector<std::string> lines = JobDetails(job, kNow, kAnyWidth);
  EXPECT_THAT(lines, Contains("state     RUNNING  50%"));
  EXPECT_THAT(lines, Contains("eta       50s, nine in ten within 90s"));
  EXPECT_THAT(lines, Contains("step >    tts  STARTED  25%  line 3"));
  EXPECT_THAT(lines, Contains("label     team=video"));
  EXPECT_THAT(lines, Contains("resources user:7 session:1"));
  EXPECT_THAT(lines, Contains("output    hello"));
  EXPECT_THAT(lines, Contains("created   1970-01-02T03:41:40Z  5m ago"));
  EXPECT_THAT(lines, Not(Contains(StartsWith("error"))));
}

TEST(JobTextTest, SpansAreAsExactAsTheyAreWorth) {
  EXPECT_EQ(SpanText(seconds(-3)), "0s");
  EXPECT_EQ(SpanText(seconds(119)), "119s");
  EXPECT_EQ(SpanText(seconds(120)), "2m");
  EXPECT_EQ(SpanText(seconds(7199)), "119m");
  EXPECT_EQ(SpanText(seconds(7500)), "2h05m");
  EXPECT_EQ(SpanText(seconds(3 * 86400 + 4 * 3600)), "3d4h");
}

TEST(JobTextTest, PercentsAreRoundedDown) {
  EXPECT_EQ(PercentText(0.9999), "99%");
  EXPECT_EQ(PercentText(0.57), "57%");
  EXPECT_EQ(PercentText(1), "100%");
  EXPECT_EQ(PercentText(7), "100%");
}

v1::ProgressEvent Said(uint64_t request, v1::Control::Phase phase) {
  v1::ProgressEvent event;
  event.mutable_control()->set_request(request);
  event.mutable_control()->set_action(v1::Control::CANCEL);
  event.mutable_control()->set_phase(phase);
  return event;
}

TEST(RequestWatchTest, KeepsTheNewestWordOnEachRequestAndTheLastOneForGood) {
  RequestWatch watch;
  EXPECT_FALSE(watch.NewsOf(7));
  watch.Take(Said(7, v1::Control::DELIVERED));
  watch.Take(Said(9, v1::Control::REFUSED));
  EXPECT_EQ(watch.NewsOf(7)->phase(), v1::Control::DELIVERED);
  watch.Take(Said(7, v1::Control::HONOURED));
  watch.Take(Said(7, v1::Control::TIMED_OUT));
  EXPECT_EQ(watch.NewsOf(7)->phase(), v1::Control::HONOURED);
  EXPECT_EQ(watch.NewsOf(9)->phase(), v1::Control::REFUSED);
  for (uint64_t request = 100; request < 100 + kMaxWatchedRequests; ++request) watch.Take(Said(request, v1::Control::DELIVERED));
  EXPECT_FALSE(watch.NewsOf(7));
  EXPECT_TRUE(watch.NewsOf(100 + kMaxWatchedRequests - 1));
}

TEST(RequestWatchTest, SaysItInWords) {
  v1::ProgressEvent event = Said(1, v1::Control::REFUSED);
  event.mutable_control()->set_reason("not now");
  EXPECT_EQ(ControlText(event.control()), "cancel was refused: not now");
  EXPECT_EQ(ControlText(Said(1, v1::Control::HONOURED).control()), "cancel was honoured");
  EXPECT_EQ(ControlText(Said(1, v1::Control::TIMED_OUT).control()), "cancel timed out");
}

TEST(FlagsTest, ALetterStandsForItsFlag) {
  for (const std::vector<std::string>& args : {std::vector<std::string>{"-n", "7"}, {"-n7"}, {"-n=7"}, {"--limit=7"}}) {
    std::optional<uint32_t> limit;
    FlagSet set;
    set.Integer("limit", &limit, "N", "");
    set.Short('n', "limit");
    std::vector<std::string> operands;
    EXPECT_TRUE(set.Parse(args, FlagOrder::kAnywhere, &operands).ok()) << args[0];
    EXPECT_EQ(limit, 7u);
    EXPECT_THAT(operands, testing::IsEmpty());
    EXPECT_THAT(std::string(set.Parse({"-x"}, FlagOrder::kAnywhere, &operands).message()), HasSubstr("unknown flag \"-x\""));
    EXPECT_THAT(std::string(set.Parse({"-n"}, FlagOrder::kAnywhere, &operands).message()), HasSubstr("--limit needs a value"));
  }
}

}  // namespace
}  // namespace milepost::tool
