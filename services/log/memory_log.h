// MemoryLog: the embedded engine over a History that stores without waiting.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "services/log/log.h"

namespace milepost::log {

// Nanoseconds since the Unix epoch.
using Clock = std::function<int64_t()>;

// Whoever appends while nobody commits becomes the committer and commits all that gathers meanwhile; the
// others only leave their records in the queue. So a commit costs no change of thread, and a burst is
// committed in batches. Thread-safe by one mutex, which is never held during a commit or a callback.
class MemoryLog : public Log {
 public:
  // The three must outlive the log.
  MemoryLog(history::History* history, Pipeline* pipeline, Clock clock);

  void Append(std::vector<Record> records, Done done) override;
  void Close() override;

 private:
  struct Pending {
    std::vector<Record> records;
    Done done;
  };

  void Commit(std::vector<Pending> batch);

  history::History* const history_;
  Pipeline* const pipeline_;
  const Clock clock_;

  // Touched by the committer only; handed from one to the next through mutex_.
  uint64_t head_;
  int64_t last_commit_nanos_ = 0;

  std::mutex mutex_;
  // Guarded by mutex_:
  std::vector<Pending> queue_;
  bool committing_ = false;
  bool closed_ = false;
  std::condition_variable idle_;
};

}  // namespace milepost::log
