#include "tools/bench/measure/histogram.h"

#include <gtest/gtest.h>

namespace milepost::bench {
namespace {

TEST(HistogramTest, AnswersZeroWhenEmpty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Quantile(0.99), 0u);
}

TEST(HistogramTest, IsExactForSmallValues) {
  Histogram histogram;
  for (int value = 0; value < 100; ++value) histogram.Add(value);
  EXPECT_EQ(histogram.Quantile(0.5), 49u);
  EXPECT_EQ(histogram.Quantile(0.99), 98u);
  EXPECT_EQ(histogram.Quantile(1), 99u);
}

TEST(HistogramTest, StaysWithinASixtyFourthOfEveryValue) {
  for (uint64_t value = 1; value < Histogram::kMaxValue; value += value / 7 + 1) {
    Histogram histogram;
    histogram.Add(static_cast<int64_t>(value));
    histogram.Add(static_cast<int64_t>(Histogram::kMaxValue));  // so that max() does not cap the answer
    const uint64_t median = histogram.Quantile(0.5);
    ASSERT_GE(median, value);
    ASSERT_LE(median, value + value / 64) << value;
  }
}

TEST(HistogramTest, NeverAnswersAboveTheGreatestValue) {
  Histogram histogram;
  histogram.Add(1'000'001);
  EXPECT_EQ(histogram.Quantile(1), 1'000'001u);
  EXPECT_EQ(histogram.Quantile(0), 1'000'001u);
}

TEST(HistogramTest, CountsWhatIsTooGreatAsTheGreatestAndNegativeAsZero) {
  Histogram histogram;
  histogram.Add(-5);
  EXPECT_EQ(histogram.Quantile(1), 0u);
  histogram.Add(INT64_MAX);
  EXPECT_EQ(histogram.max(), Histogram::kMaxValue);
  EXPECT_EQ(histogram.Quantile(1), Histogram::kMaxValue);
}

TEST(HistogramTest, MergesAsIfAllHadBeenAddedToOne) {
  Histogram low;
  Histogram high;
  for (int i = 0; i < 90; ++i) low.Add(10);
  for (int i = 0; i < 10; ++i) high.Add(60);
  low.Merge(high);
  EXPECT_EQ(low.count(), 100u);
  EXPECT_EQ(low.Quantile(0.90), 10u);
  EXPECT_EQ(low.Quantile(0.91), 60u);
}

}  // namespace
}  // namespace milepost::bench
