// Jobs that the service declared lost while their worker was away, and as which attempt the worker goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "milepost/v1/event.pb.h"

namespace milepost::client {

// Lost jobs that are remembered; past it the one that was lost first is forgotten.
inline constexpr size_t kMaxLostJobs = 1024;

// The attempt that was lost has ended in the log, so that what the worker still says of it belongs to the next one. A
// worker that was replaced, or is behind the newest attempt: its events are left alone, and the service refuses them.
// Not thread-safe.
class LostJobs {
 public:
  // `attempt` is the job's newest one: the service ended it or, if `replaced`, another worker has it. False: it was known,
  // as the service may say it again.
  bool Add(const std::string& job, uint32_t attempt, bool replaced) {
    const auto [found, added] = jobs_.try_emplace(job, Span{attempt, attempt, replaced});
    if (!added) {
      Span& span = found->second;
      if (attempt < span.last || (attempt == span.last && replaced == span.replaced)) return false;
      // What went on as the next attempt was lost too; or somebody else's attempt was.
      const bool ours = attempt == span.last + 1 && !span.replaced && !replaced;
      span = {ours ? span.first : attempt, attempt, replaced};
      return true;
    }
    order_.push_back(job);
    if (order_.size() > kMaxLostJobs) {
      jobs_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }

  // The attempt that an event is to be sent with; absent is 1 there as everywhere.
  uint32_t AttemptOf(const v1::ProgressEvent& event) const {
    const uint32_t attempt = event.has_attempt() ? event.attempt() : 1;
    const auto found = jobs_.find(event.job());
    if (found == jobs_.end()) return attempt;
    const Span& span = found->second;
    return !span.replaced && attempt >= span.first && attempt <= span.last ? span.last + 1 : attempt;
  }

  bool empty() const { return jobs_.empty(); }

 private:
  // Attempts of this producer that were lost, one after the other; or `last` is another worker's.
  struct Span {
    uint32_t first, last;
    bool replaced;
  };

  std::map<std::string, Span> jobs_;
  std::deque<std::string> order_;
};

}  // namespace milepost::client
