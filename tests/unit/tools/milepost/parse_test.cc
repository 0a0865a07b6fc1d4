// The parsers against recorded output of the real tools (tests/golden/tools/record.py), and against what is no progress.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tools/milepost/parse/detector.h"
#include "tools/milepost/parse/terminal_text.h"

namespace milepost::tool {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Recording(absl::string_view name) {
  std::ifstream file(absl::StrCat(MILEPOST_GOLDEN_TOOLS, "/", name, ".txt"), std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

double FractionOf(const Reading& reading) {
  if (reading.fraction) return *reading.fraction;
  return reading.done && reading.total ? *reading.done / *reading.total : -1;
}

// The output of one command as the steps that it shows.
struct Shown {
  struct Step {
    std::string id;
    double first = -1, last = -1;
    size_t readings = 0;
    std::string message;
    bool rises = true;
  };
  std::vector<Step> steps;
  std::vector<std::string> all;  // every update in one line of text

  void Add(const StepUpdate& update) {
    const double fraction = FractionOf(update.reading);
    if (update.begins) steps.push_back({.id = update.step, .first = fraction});
    auto step = std::find_if(steps.rbegin(), steps.rend(), [&](const Step& s) { return s.id == update.step; });
    ASSERT_NE(step, steps.rend());
    step->rises = step->rises && fraction >= step->last;
    step->last = fraction;
    ++step->readings;
    step->message = update.reading.message;
    all.push_back(absl::StrCat(update.step, update.begins ? "+" : " ", fraction, " ", update.reading.done.value_or(-1), " ", update.reading.message));
  }
};

// Feeds the pieces of `bytes`, cut into chunks at `cuts`.
Shown Show(absl::string_view bytes, std::vector<size_t> cuts = {}) {
  Shown shown;
  TerminalText text;
  Detector detector;
  const auto sink = [&](const Piece& piece) {
    if (auto update = detector.Feed(piece.text)) shown.Add(*update);
  };
  size_t from = 0;
  for (const size_t cut : cuts) {
    text.Feed(bytes.substr(from, cut - from), sink);
    from = cut;
  }
  text.Feed(bytes.substr(from), sink);
  text.Finish(sink);
  return shown;
}

struct Expected {
  const char* recording;
  const char* step;
  double last;
  size_t at_least;
  const char* message;
};

class RecordingTest : public testing::TestWithParam<Expected> {};

TEST_P(RecordingTest, ShowsOneStepThatRisesToItsEnd) {
  const Expected& expected = GetParam();
  const Shown shown = Show(Recording(expected.recording));
  ASSERT_THAT(shown.steps, SizeIs(1));
  EXPECT_EQ(shown.steps[0].id, expected.step);
  EXPECT_TRUE(shown.steps[0].rises) << testing::PrintToString(shown.all);
  EXPECT_NEAR(shown.steps[0].last, expected.last, 1e-9);
  EXPECT_LE(shown.steps[0].first, 0.3);
  EXPECT_GE(shown.steps[0].readings, expected.at_least);
  EXPECT_EQ(shown.steps[0].message, expected.message);
}

INSTANTIATE_TEST_SUITE_P(
    Tools, RecordingTest,
    testing::Values(Expected{"ninja.pty", "build", 1, 11, "Linking C executable demo"},
                    Expected{"ninja.stdout", "build", 1, 10, "Linking C executable demo"},
                    Expected{"make.pty", "build", 1, 12, "Built target demo"}, Expected{"make.stdout", "build", 1, 12, "Built target demo"},
                    Expected{"ctest.pty", "test", 1, 10, "fails"}, Expected{"ctest.stdout", "test", 1, 10, "frame_test"},
                    Expected{"pytest.pty", "test", 1, 4, ""}, Expected{"pytest.stdout", "test", 1, 4, ""},
                    Expected{"pytest-verbose.pty", "test", 1, 25, "test_cursor.py::test_cursor[24]"},
                    Expected{"pytest-verbose.stdout", "test", 1, 25, "test_cursor.py::test_cursor[24]"},
                    Expected{"curl-bar.pty", "download", 1, 10, ""}, Expected{"curl-bar.stderr", "download", 1, 10, ""},
                    Expected{"wget.pty", "download", 1, 10, "data.bin"}, Expected{"wget.stderr", "download", 1, 20, "data.bin"},
                    Expected{"rsync-total.pty", "sync", 1, 7, "890.11kB/s"}, Expected{"rsync-total.stdout", "sync", 1, 7, "890.11kB/s"},
                    Expected{"pip.pty", "download", 1, 10, "demo-1.0-py3-none-any.whl"},
                    Expected{"ffmpeg.pty", "encode", 1, 3, "40.2x"}, Expected{"ffmpeg.stderr", "encode", 1, 3, "45.1x"}),
    [](const auto& info) {
      std::string name = info.param.recording;
      std::replace_if(name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
      return name;
    });

TEST(ParserTest, CurlsMeterIsReadColumnByColumn) {
  for (const char* recording : {"curl.pty", "curl.stderr"}) {
    const Shown shown = Show(Recording(recording));
    ASSERT_THAT(shown.steps, SizeIs(1));
    EXPECT_EQ(shown.steps[0].id, "download");
    EXPECT_EQ(shown.steps[0].last, 1);
    EXPECT_GE(shown.steps[0].readings, 5u);
  }
}

TEST(ParserTest, RsyncCountsFilesWhenItsPercentagesAreOfOneFileEach) {
  for (const char* recording : {"rsync.pty", "rsync.stdout"}) {
    const Shown shown = Show(Recording(recording));
    ASSERT_THAT(shown.steps, SizeIs(1));
    EXPECT_EQ(shown.steps[0].id, "sync");
    EXPECT_EQ(shown.steps[0].last, 1);
    EXPECT_TRUE(shown.steps[0].rises) << testing::PrintToString(shown.all);
  }
}

TEST(ParserTest, TqdmHasAStepForEachBar) {
  for (const char* recording : {"tqdm.pty", "tqdm.stderr"}) {
    const Shown shown = Show(Recording(recording));
    ASSERT_THAT(shown.steps, SizeIs(3)) << recording;
    EXPECT_EQ(shown.steps[0].id, "epoch");
    EXPECT_EQ(shown.steps[0].last, 1);
    EXPECT_EQ(shown.steps[1].id, "loop");
    EXPECT_EQ(shown.steps[1].last, 1);
    EXPECT_EQ(shown.steps[2].id, "no-total");
    EXPECT_EQ(shown.all.back(), "no-total -1 30 no total");
  }
}

TEST(ParserTest, PipIntoAPipeShowsOnlyItsEnd) {
  const Shown shown = Show(Recording("pip.stdout"));
  ASSERT_THAT(shown.steps, SizeIs(1));
  EXPECT_EQ(shown.steps[0].last, 1);
}

TEST(ParserTest, ConfiguringWithCMakeIsNoProgress) {
  EXPECT_THAT(Show(Recording("cmake-configure.pty")).all, IsEmpty());
  EXPECT_THAT(Show(Recording("cmake-configure.stdout")).all, IsEmpty());
}

TEST(ParserTest, SeveralToolsAreSeveralSteps) {
  const Shown shown = Show(Recording("make.pty") + Recording("ctest.pty") + Recording("make.pty") + Recording("pytest.pty"));
  std::vector<std::string> ids;
  for (const auto& step : shown.steps) ids.push_back(step.id);
  EXPECT_THAT(ids, ElementsAre("build", "test", "build-2", "test-2"));
  for (const auto& step : shown.steps) EXPECT_EQ(step.last, 1) << step.id;
}

TEST(ParserTest, RunningCMakeAgainInsideABuildIsAStepOfItsOwn) {
  const Shown shown = Show("ninja: Entering directory `b'\n[1/1] Re-running CMake...\n-- Configuring done\n[1/9] a\n[2/9] b\n[9/9] c\n");
  ASSERT_THAT(shown.steps, SizeIs(2));
  EXPECT_EQ(shown.steps[1].id, "build-2");
  EXPECT_EQ(shown.steps[1].last, 1);
}

TEST(ParserTest, ParallelMakeMayPrintOutOfOrderAndNothingGoesBack) {
  const Shown shown = Show("[ 50%] Building a\n[ 48%] Building b\n[ 52%] Building c\n[100%] Linking\n[ 99%] Built target d\n");
  ASSERT_THAT(shown.steps, SizeIs(1));
  EXPECT_TRUE(shown.steps[0].rises);
  EXPECT_EQ(shown.steps[0].last, 1);
}

TEST(ParserTest, OrdinaryLinesAreNoProgress) {
  for (const char* lines : {
           "[11/21] started\n[11/21] working\n[11/22] next day\n[12/1] month\n",  // dates
           "[1/2] only once\n",
           "[5/3] done is past total\n[6/3] x\n",
           "see item [3/4] of the list\nand [4/4]\n",
           "Disk usage: 45%\nCPU 12% MEM 40%\n45% of users\n100%\n",
           "[45%] not three wide\n[ 45 %] no\n[145%] too much\n",
           "#5 [2/5] RUN make\n#6 [3/5] RUN make test\n",
           "int a[10] = {1, 2}; // 50%|half\n",
           "12/80 Test results\n 3/4 Test # 1\n",
           "see test.py for details [ 45%]\nBuild done [ 50%]\n",
           "time=00:00:10.00 bitrate=3\nDuration: 00:01:00.00\ntime=12 user=root\n",
           "  % Total    % used\n 10 20 30 40 50 60 70 80 90 10 20 30\n",
           "####\n# 5.0%\n################ heading\n",
           "-------------------------\n---------- 3/4 apples\n",
           "100K free\n 512K ..\n",
           "request took [00:05, fast]\n3 files [00:01]\n",
           "  1,024  12%  of disk\n",
           "\xff\xfe[ 45%\n\0\n",
       }) {
    EXPECT_THAT(Show(lines).all, IsEmpty()) << lines;
  }
}

TEST(ParserTest, ChunksMakeNoDifference) {
  for (const char* name : {"ninja.pty", "make.pty", "ctest.pty", "pytest.pty", "curl.pty", "wget.pty", "rsync.pty", "pip.pty", "ffmpeg.pty", "tqdm.pty"}) {
    const std::string bytes = Recording(name);
    const std::vector<std::string> whole = Show(bytes).all;
    for (const size_t chunk : {1, 2, 3, 7, 64, 1000}) {
      std::vector<size_t> cuts;
      for (size_t at = chunk; at < bytes.size(); at += chunk) cuts.push_back(at);
      ASSERT_EQ(Show(bytes, cuts).all, whole) << name << " in chunks of " << chunk;
    }
  }
}

TEST(ParserTest, EverySplitOfAShortCaseGivesTheSame) {
  const std::string bytes =
      "\x1b[1m[ 45%] \x1b[32mBuilding\x1b[0m é\r\n\r 50%|██▌  | 1/2 [00:01<00:01, 1.0it/s]\x1b]8;;x\x1b\\\x1b[K\r100%|█████| 2/2 [00:02<00:00, 1.0it/s]\n";
  const std::vector<std::string> whole = Show(bytes).all;
  ASSERT_THAT(whole, SizeIs(3));
  for (size_t first = 0; first <= bytes.size(); ++first) {
    for (size_t second = first; second <= bytes.size(); ++second) ASSERT_EQ(Show(bytes, {first, second}).all, whole);
  }
}

TEST(DetectorTest, StepsOfANameAreBounded) {
  std::string bytes;
  for (int run = 0; run < 2 * kMaxRunsOfName; ++run) absl::StrAppend(&bytes, "[ 10%] a\n[100%] b\n");
  const Shown shown = Show(bytes);
  std::vector<std::string> ids;
  for (const auto& step : shown.steps) ids.push_back(step.id);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  EXPECT_THAT(ids, SizeIs(kMaxRunsOfName));
  EXPECT_EQ(ids.back(), absl::StrCat("build-", kMaxRunsOfName));
}

std::vector<std::string> Lines(absl::string_view bytes) {
  std::vector<std::string> lines;
  TerminalText text;
  const auto sink = [&](const Piece& piece) {
    if (piece.ends_line) lines.push_back(std::string(piece.text));
  };
  text.Feed(bytes, sink);
  text.Finish(sink);
  return lines;
}

TEST(TerminalTextTest, AReaderSeesWhatStandsOnTheLineAtItsEnd) {
  EXPECT_THAT(Lines("a\r\nb\n"), ElementsAre("a", "b"));
  EXPECT_THAT(Lines("10%\r20%\r30%\nnext"), ElementsAre("30%", "next"));
  EXPECT_THAT(Lines("a\r\r\nb"), ElementsAre("a", "b"));
  EXPECT_THAT(Lines("\x1b[31mred\x1b[0m\x1b[K\n"), ElementsAre("red"));
  EXPECT_THAT(Lines("\x1b]0;title\apath\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n"), ElementsAre("pathlink"));
  EXPECT_THAT(Lines("ab\bc\a\x7f\n"), ElementsAre("ac"));
  EXPECT_THAT(Lines("\x1b(Bx\n"), ElementsAre("x"));
  EXPECT_THAT(Lines("\x1b[12\nx\n"), ElementsAre("", "x"));
  EXPECT_THAT(Lines(""), IsEmpty());
}

TEST(TerminalTextTest, APieceIsCutAtItsLimit) {
  EXPECT_THAT(Lines(std::string(kMaxPieceBytes, 'x') + "\n")[0], SizeIs(kMaxPieceBytes));
  EXPECT_THAT(Lines(std::string(kMaxPieceBytes + 1, 'x') + "\n")[0], SizeIs(kMaxPieceBytes));
}

}  // namespace
}  // namespace milepost::tool
