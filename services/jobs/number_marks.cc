#include "services/jobs/number_marks.h"

#include <algorithm>
#include <iterator>

namespace milepost::jobs {

bool NumberMarks::Add(uint64_t number) {
  if (!any_) {
    any_ = true;
    mark_ = number;
    return true;
  }
  if (number <= mark_) return false;
  if (number == mark_ + 1) {
    mark_ = number;
    RaiseMark();
    return true;
  }
  const auto next = above_.upper_bound(number);
  if (next != above_.begin()) {
    const auto run = std::prev(next);
    if (number <= run->second) return false;
    if (number == run->second + 1) {
      run->second = number;
      if (next != above_.end() && next->first == number + 1) {
        run->second = next->second;
        above_.erase(next);
      }
      return true;
    }
  }
  uint64_t last = number;
  if (next != above_.end() && next->first == number + 1) {
    last = next->second;
    above_.erase(next);
  }
  above_.emplace(number, last);
  if (above_.size() > kMaxNumberGaps) {
    mark_ = above_.begin()->first - 1;
    RaiseMark();
  }
  return true;
}

void NumberMarks::Settle(uint64_t first) {
  if (first == 0 || first - 1 <= mark_) return;
  any_ = true;
  mark_ = first - 1;
  while (!above_.empty() && above_.begin()->first <= mark_ + 1) {
    mark_ = std::max(mark_, above_.begin()->second);
    above_.erase(above_.begin());
  }
}

void NumberMarks::RaiseMark() {
  const auto run = above_.begin();
  if (run == above_.end() || run->first != mark_ + 1) return;
  mark_ = run->second;
  above_.erase(run);
}

}  // namespace milepost::jobs
