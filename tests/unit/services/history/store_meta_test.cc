// Epochs and segments, without a store.
#include "services/history/store_meta.h"

#include <random>

#include <gtest/gtest.h>

namespace milepost::history {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr uint64_t kAll = ~uint64_t{0};

TEST(EpochsTest, AnEpochEndsBeforeTheFirstRecordOfTheNextAndTheNewestHasNoEnd) {
  const std::vector<Epoch> epochs = {{"aaaaaaaa", 1}, {"bbbbbbbb", 11}, {"cccccccc", 11}, {"dddddddd", 30}};
  EXPECT_EQ(LastOf(epochs, "aaaaaaaa"), 10u);
  EXPECT_EQ(LastOf(epochs, "bbbbbbbb"), 10u) << "it had no record, but its cursors may stand where it began";
  EXPECT_EQ(LastOf(epochs, "cccccccc"), 29u);
  EXPECT_EQ(LastOf(epochs, "dddddddd"), std::nullopt);
  EXPECT_EQ(LastOf(epochs, "eeeeeeee"), std::nullopt);
}

TEST(SegmentsTest, WhatIsKeptIsWithinOneSegmentOfTheBytesAllowed) {
  constexpr uint64_t kMax = 64'000;
  Segments segments(kMax, std::chrono::hours(1));
  std::mt19937 random(3);
  uint64_t kept = 0, first_kept = 1;
  std::vector<uint64_t> sizes = {0};
  for (uint64_t seq = 1; seq <= 20'000; ++seq) {
    sizes.push_back(random() % 200 + 1);
    kept += sizes.back();
    segments.Add(seq, sizes.back(), seq);
    segments.TakeExpired(seq, kAll);
    for (; first_kept <= segments.expired(); ++first_kept) kept -= sizes[first_kept];
    ASSERT_EQ(segments.bytes(), kept);
    ASSERT_LE(kept, kMax + 200);
    if (seq > 2000) {
      ASSERT_GE(kept, kMax - kMax / 64 - 400);
    }
  }
}

TEST(SegmentsTest, AgeIsKeptToWithinASixtyFourthAlsoWithoutNewRecords) {
  Segments segments(1 << 30, std::chrono::seconds(64));
  for (int64_t second = 1; second <= 200; ++second) segments.Add(second, 10, second * kSecond);
  segments.TakeExpired(200 * kSecond, kAll);
  EXPECT_GE(segments.expired(), 200u - 64 - 2);
  EXPECT_LT(segments.expired(), 200u - 64) << "nothing younger than the age goes";
  segments.TakeExpired(263 * kSecond, kAll);
  EXPECT_LT(segments.expired(), 200u);
  segments.TakeExpired(265 * kSecond, kAll);
  EXPECT_EQ(segments.expired(), 200u) << "also the newest, when it is old";
  EXPECT_EQ(segments.bytes(), 0u);
}

TEST(SegmentsTest, NothingAfterTheLimitGoes) {
  Segments segments(64, std::chrono::seconds(1));
  for (uint64_t seq = 1; seq <= 100; ++seq) segments.Add(seq, 10, kSecond);
  segments.TakeExpired(100 * kSecond, 50);
  EXPECT_EQ(segments.expired(), 50u);
  segments.TakeExpired(100 * kSecond, 100);
  EXPECT_EQ(segments.expired(), 100u);
}

TEST(SegmentsTest, RestoredOnesGoOnWhereTheyWere) {
  Segments before(1000, std::chrono::hours(1));
  std::vector<Segment> rows;
  uint64_t seq = 0;
  for (; seq < 50; ++seq) {
    if (const auto closed = before.Add(seq + 1, 10, kSecond)) rows.push_back(*closed);
  }
  Segments after(1000, std::chrono::hours(1));
  for (const Segment& row : rows) after.Restore(row);
  for (uint64_t open = after.closed_through() + 1; open <= seq; ++open) after.Add(open, 10, kSecond);
  EXPECT_EQ(after.bytes(), before.bytes());
  EXPECT_EQ(after.closed_through(), before.closed_through());
}

}  // namespace
}  // namespace milepost::history
