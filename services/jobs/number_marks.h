// NumberMarks: which numbers of one producer were seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

namespace milepost::jobs {

// Most gaps that are remembered for one producer. With one more, the lowest gap counts as seen.
inline constexpr size_t kMaxNumberGaps = 1024;

// A contiguous mark and what was seen above it. Not thread-safe.
class NumberMarks {
 public:
  // The first number that a producer shows need not be 1: all below it count as seen.
  //
  // True if `number` (from 1) is new; it is seen from now on.
  bool Add(uint64_t number);

  // All numbers below `first` count as seen.
  void Settle(uint64_t first);

  // All numbers up to here were seen.
  uint64_t mark() const { return mark_; }

  // What is to be kept, and marks made of what was kept. `runs`: first → last of what was seen above the mark.
  const std::map<uint64_t, uint64_t>& runs() const { return above_; }
  static NumberMarks Restore(uint64_t mark, std::map<uint64_t, uint64_t> runs) {
    NumberMarks marks;
    marks.any_ = true;
    marks.mark_ = mark;
    marks.above_ = std::move(runs);
    return marks;
  }

 private:
  void RaiseMark();

  bool any_ = false;
  uint64_t mark_ = 0;
  std::map<uint64_t, uint64_t> above_;  // first → last of each run above mark_+1; runs do not touch
};

}  // namespace milepost::jobs
