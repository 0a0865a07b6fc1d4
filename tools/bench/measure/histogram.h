// A histogram of durations with a relative error below 1 %, in constant memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace milepost::bench {

// Counts values in buckets whose width grows with the value: each octave has 64 buckets, so a quantile is
// never more than 1/64 above the true value. Values are nanoseconds here, but any unit will do.
// A value; not thread-safe.
class Histogram {
 public:
  // The greatest value that is told apart, about 19 hours in nanoseconds; greater ones count as this.
  static constexpr uint64_t kMaxValue = (uint64_t{1} << 46) - 1;

  // Counts one value. Negative values (a clock that went back) count as 0.
  void Add(int64_t value);
  // Adds all that `other` counted.
  void Merge(const Histogram& other);
  void Clear() { *this = Histogram(); }

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }
  // The smallest value v such that at least `share` (0 to 1) of the values are at most v, rounded up to its
  // bucket's end but never above max(). 0 if nothing was counted.
  uint64_t Quantile(double share) const;

 private:
  static constexpr int kBits = 6;
  static constexpr size_t kSub = size_t{1} << kBits;
  static constexpr size_t kBuckets = (46 - kBits + 1) * kSub;

  static size_t BucketOf(uint64_t value);
  static uint64_t LastValueOf(size_t bucket);

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace milepost::bench
