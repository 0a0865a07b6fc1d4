// The fold's verdicts, and its tables at their limits.
#include "services/jobs/fold.h"

#include <random>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/events.h"

namespace milepost::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MakeNotice;

// Applies events one after the other.
struct Driver {
  Verdict Apply(v1::ProgressEvent event, Input input = {}) {
    input.seq = ++seq;
    input.commit_nanos = now;
    input.event = &event;
    Verdict verdict = fold.Apply(input);
    last = event;
    return verdict;
  }
  Verdict Numbered(uint64_t number, const char* producer = "p") {
    return Apply(MakeNotice("job:1"), {.producer = producer, .number = number});
  }
  Verdict Keyed(const char* key, const char* content, size_t index, v1::ProgressEvent event) {
    return Apply(std::move(event), {.idempotency_key = key, .idempotency_content = content, .index = index});
  }

  Fold fold;
  uint64_t seq = 0;
  int64_t now = 1'000'000'000;
  v1::ProgressEvent last;
};

TEST(FoldTest, ResourcesStickToTheJobInOrderOfFirstMention) {
  Driver driver;
  driver.Apply(MakeNotice("job:1", {"user:2"}));
  driver.Apply(MakeNotice("job:1", {"session:1", "user:2", "job:1"}));
  const Verdict verdict = driver.Apply(MakeNotice("job:1"));
  EXPECT_THAT(driver.last.resources(), ElementsAre("user:2", "session:1"));
  EXPECT_THAT(*verdict.names, ElementsAre("job:1", "user:2", "session:1"));
  driver.Apply(MakeNotice("job:2"));
  EXPECT_THAT(driver.last.resources(), ElementsAre());
}

TEST(FoldTest, AnEventGetsItsPlaceAndCommitTime) {
  Driver driver;
  driver.now = 1'700'000'000'123'456'789;
  const Verdict verdict = driver.Apply(MakeNotice("job:1"));
  EXPECT_TRUE(verdict.is_event);
  EXPECT_EQ(verdict.seq, 1u);
  EXPECT_EQ(driver.last.seq(), 1u);
  EXPECT_EQ(driver.last.commit_time().seconds(), 1'700'000'000);
  EXPECT_EQ(driver.last.commit_time().nanos(), 123'456'000);
}

TEST(FoldTest, TheSeventeenthResourceOfAJobIsVoidAndLeavesTheJobAsItWas) {
  Driver driver;
  for (size_t i = 0; i < kMaxJobResources; ++i) {
    EXPECT_TRUE(driver.Apply(MakeNotice("job:1", {"user:" + std::to_string(i)})).is_event);
  }
  const Verdict verdict = driver.Apply(MakeNotice("job:1", {"user:x"}));
  EXPECT_FALSE(verdict.is_event);
  EXPECT_TRUE(absl::IsFailedPrecondition(verdict.status));
  EXPECT_THAT(std::string(verdict.status.message()), HasSubstr("resources: job:1 would have 17 resources, at most 16"));
  EXPECT_TRUE(driver.Apply(MakeNotice("job:1")).is_event);
  EXPECT_EQ(driver.last.resources_size(), 16);
}

TEST(FoldTest, ANumberIsStoredOnceAndAckedAgain) {
  Driver driver;
  EXPECT_TRUE(driver.Numbered(1).is_event);
  EXPECT_TRUE(driver.Numbered(2).is_event);
  const Verdict again = driver.Numbered(1);
  EXPECT_FALSE(again.is_event);
  EXPECT_TRUE(again.status.ok());
  EXPECT_EQ(again.producer_mark, 2u);
  EXPECT_TRUE(driver.Numbered(1, "other").is_event);
  EXPECT_EQ(driver.fold.ProducerMark("p"), 2u);
  EXPECT_EQ(driver.fold.ProducerMark("unknown"), 0u);
}

TEST(FoldTest, ARejectedNumberIsUsedUp) {
  Driver driver;
  driver.Numbered(1);
  const Verdict verdict = driver.fold.Apply({.seq = 2, .commit_nanos = driver.now, .producer = "p", .number = 2});
  EXPECT_FALSE(verdict.is_event);
  EXPECT_EQ(verdict.producer_mark, 2u);
  EXPECT_FALSE(driver.Numbered(2).is_event);
}

TEST(FoldTest, AProducerIsRememberedSevenDaysAfterItsLastRecord) {
  Driver driver;
  driver.Numbered(1);
  driver.now += kMemoryNanos;
  EXPECT_FALSE(driver.Numbered(1).is_event);
  driver.now += kMemoryNanos + 1;
  EXPECT_TRUE(driver.Numbered(1).is_event);
}

TEST(FoldTest, ARepeatedCallGetsItsFirstResults) {
  Driver driver;
  const uint64_t first = driver.Keyed("k", "content", 0, MakeNotice("job:1")).seq;
  const uint64_t second = driver.Keyed("k", "content", 1, MakeNotice("job:1")).seq;
  const Verdict again = driver.Keyed("k", "content", 0, MakeNotice("job:1"));
  EXPECT_FALSE(again.is_event);
  EXPECT_EQ(again.seq, first);
  EXPECT_EQ(driver.Keyed("k", "content", 1, MakeNotice("job:1")).seq, second);
  EXPECT_TRUE(driver.Keyed("k", "content", 2, MakeNotice("job:1")).is_event) << "the first call broke off before it";
}

TEST(FoldTest, ARepeatedCallIsRejectedAgainAsBefore) {
  Driver driver;
  for (int i = 0; i < 16; ++i) driver.Apply(MakeNotice("job:1", {"user:" + std::to_string(i)}));
  EXPECT_TRUE(absl::IsFailedPrecondition(driver.Keyed("k", "content", 0, MakeNotice("job:1", {"user:x"})).status));
  EXPECT_TRUE(absl::IsFailedPrecondition(driver.Keyed("k", "content", 0, MakeNotice("job:1", {"user:x"})).status));
}

TEST(FoldTest, OtherContentUnderTheSameKeyIsRefusedForADay) {
  Driver driver;
  driver.Keyed("k", "content", 0, MakeNotice("job:1"));
  EXPECT_TRUE(absl::IsAlreadyExists(driver.Keyed("k", "other", 0, MakeNotice("job:1")).status));
  driver.now += kIdempotencyNanos + 1;
  EXPECT_TRUE(driver.Keyed("k", "other", 0, MakeNotice("job:1")).is_event);
}

TEST(NumberMarksTest, AgreesWithASetOfNumbers) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    NumberMarks marks;
    std::set<uint64_t> seen = {1};
    ASSERT_TRUE(marks.Add(1));
    for (int i = 0; i < 200; ++i) {
      const uint64_t number = random() % 150 + 1;
      if (random() % 50 == 0) {
        marks.Settle(number);
        for (uint64_t below = 1; below < number; ++below) seen.insert(below);
      }
      ASSERT_EQ(marks.Add(number), seen.insert(number).second) << "round " << round << " number " << number;
      uint64_t mark = 0;
      while (seen.count(mark + 1)) ++mark;
      ASSERT_EQ(marks.mark(), mark);
    }
  }
}

TEST(NumberMarksTest, AllBelowTheFirstNumberIsSettled) {
  NumberMarks marks;
  EXPECT_TRUE(marks.Add(500));
  EXPECT_EQ(marks.mark(), 500u);
  EXPECT_FALSE(marks.Add(499));
}

TEST(FoldTest, TheFirstNumberOfAStreamSettlesWhatLiesBelowAndOthersDoNot) {
  Driver driver;
  EXPECT_EQ(driver.Numbered(1).producer_mark, 1u);
  EXPECT_EQ(driver.Numbered(5).producer_mark, 1u) << "2 to 4 may come yet";
  const Verdict first = driver.Apply(MakeNotice("job:1"), {.producer = "p", .number = 8, .first_of_stream = true});
  EXPECT_EQ(first.producer_mark, 8u);
  EXPECT_TRUE(first.is_event);
  EXPECT_FALSE(driver.Numbered(4).is_event);
}

TEST(NumberMarksTest, OneGapTooManySettlesTheLowestOne) {
  NumberMarks marks;
  marks.Add(1);
  for (uint64_t i = 1; i <= kMaxNumberGaps; ++i) marks.Add(1 + 2 * i);
  EXPECT_EQ(marks.mark(), 1u);
  marks.Add(1 + 2 * (kMaxNumberGaps + 1));
  EXPECT_EQ(marks.mark(), 3u);
  EXPECT_FALSE(marks.Add(2));
  EXPECT_TRUE(marks.Add(4));
  EXPECT_EQ(marks.mark(), 5u);
}

TEST(AgedTableTest, ForgetsTheLongestUnusedWhenFull) {
  AgedTable<int> table(2, 100);
  table.FindOrAdd("a", {.nanos = 0}) = 1;
  table.FindOrAdd("b", {.nanos = 1}) = 2;
  EXPECT_NE(table.Find("a", {.nanos = 2}), nullptr);
  table.FindOrAdd("c", {.nanos = 3}) = 3;
  EXPECT_EQ(table.Peek("b"), nullptr);
  EXPECT_EQ(*table.Peek("a"), 1);
  EXPECT_EQ(table.size(), 2u);
}

TEST(AgedTableTest, ForgetsAtItsAgeAndNotBefore) {
  AgedTable<int> table(10, 100);
  table.FindOrAdd("a", {.nanos = 0});
  EXPECT_NE(table.Find("a", {.nanos = 100}), nullptr);
  EXPECT_EQ(table.Find("a", {.nanos = 201}), nullptr);
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace milepost::jobs
