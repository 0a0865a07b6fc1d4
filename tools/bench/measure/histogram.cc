#include "tools/bench/measure/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace milepost::bench {

size_t Histogram::BucketOf(uint64_t value) {
  if (value < kSub) return value;
  // `value >> shift` keeps the top kBits+1 bits: a number in [kSub, 2·kSub).
  const int shift = std::bit_width(value) - (kBits + 1);
  return static_cast<size_t>(shift) * kSub + (value >> shift);
}

uint64_t Histogram::LastValueOf(size_t bucket) {
  if (bucket < 2 * kSub) return bucket;
  const size_t shift = bucket / kSub - 1;
  return ((bucket - shift * kSub + 1) << shift) - 1;
}

void Histogram::Add(int64_t value) {
  const uint64_t clamped = std::min(static_cast<uint64_t>(std::max<int64_t>(value, 0)), kMaxValue);
  ++buckets_[BucketOf(clamped)];
  ++count_;
  max_ = std::max(max_, clamped);
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

uint64_t Histogram::Quantile(double share) const {
  if (count_ == 0) return 0;
  const auto wanted = static_cast<uint64_t>(std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_)));
  const uint64_t rank = std::max<uint64_t>(wanted, 1);
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(LastValueOf(i), max_);
  }
  return max_;
}

}  // namespace milepost::bench
