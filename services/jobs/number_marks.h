// NumberMarks: which numbers of one producer were seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace milepost::jobs {

// Most gaps that are remembered for one producer. With one more, the lowest gap counts as seen.
inline constexpr size_t kMaxNumberGaps = 1024;

// A contiguous mark and what was seen above it. Not thread-safe.
class NumberMarks {
 public:
  // The first number that a producer shows need not be 1: a producer outlives what the service remembers, and
  // it never sends what was acked before. So all below the first number count as seen.
  //
  // True if `number` (from 1) is new; it is seen from now on.
  bool Add(uint64_t number);

  // All numbers up to here were seen.
  uint64_t mark() const { return mark_; }

 private:
  void RaiseMark();

  bool any_ = false;
  uint64_t mark_ = 0;
  std::map<uint64_t, uint64_t> above_;  // first → last of each run above mark_+1; runs do not touch
};

}  // namespace milepost::jobs
