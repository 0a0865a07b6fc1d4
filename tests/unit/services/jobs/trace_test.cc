// Recorded runs of a video job in five phases (tests/golden/traces/record), and the bars that estimates are held to.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/services/jobs/replay.h"

namespace milepost::jobs {
namespace {

// --- The bars, and from which run on they hold.
constexpr size_t kRunsToLearn = 5;       // for the percent and the ETA
constexpr size_t kRunsToCalibrate = 10;  // for the p90
constexpr double kMostPercentError = 0.10;
constexpr double kMostMedianEtaError = 0.15;
constexpr double kLeastCovered = 0.85, kMostCovered = 0.95;
constexpr double kMostJump = 0.25;

// Runs that differ in what nobody could know beforehand: no estimate keeps within the bar at every moment, for the
// largest step takes from a quarter to a half of the run. So many moments must.
constexpr double kLeastWithinBarIfMixed = 0.95;

const std::vector<PlayedRun>& Played(const std::string& name) {
  static std::map<std::string, std::vector<PlayedRun>> all;
  std::vector<PlayedRun>& runs = all[name];
  if (!runs.empty()) return runs;
  Kinds kinds;
  for (const Trace& trace : ReadTraces(MILEPOST_GOLDEN "/traces/" + name + ".jsonl")) runs.push_back(Play(trace, &kinds));
  EXPECT_GE(runs.size(), 40u);
  return runs;
}

std::vector<double> PercentErrors(const std::vector<PlayedRun>& runs) {
  std::vector<double> errors;
  for (size_t i = kRunsToLearn; i < runs.size(); ++i) {
    for (const Moment& moment : runs[i].moments) errors.push_back(std::abs(moment.overall - moment.share));
  }
  EXPECT_GT(errors.size(), 1000u);
  return errors;
}

TEST(TraceTest, PercentIsWithinTenPointsOfElapsedShareAtEveryMomentAfterFiveRuns) {
  const std::vector<double> errors = PercentErrors(Played("video"));
  EXPECT_LE(*std::max_element(errors.begin(), errors.end()), kMostPercentError);
}

TEST(TraceTest, PercentIsWithinTenPointsMostlyIfRunsDifferInWhatNobodyKnows) {
  const std::vector<double> errors = PercentErrors(Played("video-mixed"));
  const auto within = std::count_if(errors.begin(), errors.end(), [](double error) { return error <= kMostPercentError; });
  EXPECT_GE(static_cast<double>(within) / static_cast<double>(errors.size()), kLeastWithinBarIfMixed);
}

class EveryTrace : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(, EveryTrace, ::testing::Values("video", "video-mixed"), [](const auto& name) {
  return std::string(name.param) == "video" ? "Alike" : "Mixed";
});

TEST_P(EveryTrace, MedianEtaErrorInTheSecondHalfIsSmall) {
  const auto& runs = Played(GetParam());
  std::vector<double> errors;
  for (size_t i = kRunsToLearn; i < runs.size(); ++i) {
    for (const Moment& moment : runs[i].moments) {
      if (moment.share < 0.5) continue;
      ASSERT_GE(moment.eta, 0);
      errors.push_back(std::abs(moment.eta - moment.left) / moment.left);
    }
  }
  ASSERT_GT(errors.size(), 1000u);
  std::sort(errors.begin(), errors.end());
  EXPECT_LE(errors[errors.size() / 2], kMostMedianEtaError);
}

TEST_P(EveryTrace, TheP90IsKeptNineInTenMoments) {
  const auto& runs = Played(GetParam());
  double kept = 0, all = 0;
  for (size_t i = kRunsToCalibrate; i < runs.size(); ++i) {
    for (const Moment& moment : runs[i].moments) {
      ASSERT_GE(moment.p90, moment.eta);
      ++all;
      if (moment.left <= moment.p90) ++kept;
    }
  }
  ASSERT_GT(all, 1000);
  EXPECT_GE(kept / all, kLeastCovered);
  EXPECT_LE(kept / all, kMostCovered);
}

TEST_P(EveryTrace, EtaDoesNotJumpWithinAStep) {
  constexpr double kFinest = 0.1, kRounding = 1.0 / 40;  // seconds; half a grain as a share of what is told
  size_t jumps = 0;
  for (const PlayedRun& run : Played(GetParam())) {
    for (const Jump& jump : run.jumps) {
      if (jump.expected <= 0) continue;  // it ran out, and is nothing to hold to
      ++jumps;
      const double expected = std::max(jump.expected, kFinest);
      EXPECT_LE(std::abs(jump.told - expected), kMostJump * expected + std::max(kFinest / 2, jump.told * kRounding) + 1e-9)
          << jump.expected << " -> " << jump.told;
    }
  }
  EXPECT_GT(jumps, 1000u);
}

}  // namespace
}  // namespace milepost::jobs
