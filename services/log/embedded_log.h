// EmbeddedLog: the engine of one machine. It gives records their order; the history's own write is the commit.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "services/history/history.h"
#include "services/log/log.h"

namespace milepost::log {

// Nanoseconds since the Unix epoch. Thread-safe.
using Clock = std::function<int64_t()>;

struct EmbeddedOptions {
  // A history that waits for a disk is committed to by a thread of the log, and a second one publishes and answers, so
  // that the disk does not wait meanwhile. Otherwise the thread that appends does it all.
  bool own_threads = false;
  // Most events that one commit takes; at least one append. What comes meanwhile gathers for the next one.
  size_t max_batch_events = 4096;
  // Most bytes of events that wait to be committed; past it an append is RESOURCE_EXHAUSTED.
  size_t max_queued_bytes = size_t{64} << 20;
  // After so long without work the pipeline gets time for its upkeep; only with own_threads.
  std::chrono::milliseconds upkeep{1000};
  // How long to wait between attempts to store again after a failure.
  std::chrono::milliseconds retry{1000};
};

// One commit at a time: fold, store, publish, answer. While one is under way the next one gathers, so that many
// producers share one write to the disk. Producers that wait for their answers would fall into two halves, each waiting
// for the other's write; so when a commit ends, the next one waits a moment for those that are just being answered.
//
// When storing fails, nothing of that batch is answered as stored, everything appended from then on is refused, and
// the history is reopened and folded again until that succeeds. Thread-safe by mutex_, not held while calling out.
class EmbeddedLog : public Log {
 public:
  // All outlive the log. The pipeline has folded what is in the history.
  EmbeddedLog(history::History* history, Pipeline* pipeline, Clock clock, EmbeddedOptions options = {});
  ~EmbeddedLog() override;

  void Append(std::vector<Record> records, Done done) override;
  void Ask(std::string producer, Done done) override;
  void Close() override;

 private:
  // An append, or without records a question for a producer's mark.
  struct Pending {
    std::vector<Record> records;
    Done done;
    size_t bytes = 0;
    std::string producer;
  };
  // A batch that is stored, or refused, and of which nobody has been told.
  struct Batch {
    std::vector<Pending> appends;
    std::vector<history::Entry> entries;  // empty: refused
    std::vector<std::vector<Outcome>> outcomes;
  };

  void Commit();   // the first thread
  void Deliver();  // the second thread
  // These want `lock` to hold mutex_, and let it go while they work.
  void CommitNext(std::unique_lock<std::mutex>& lock);
  void Recover(std::unique_lock<std::mutex>& lock);
  void Upkeep(std::unique_lock<std::mutex>& lock);

  void Add(Pending pending);
  std::vector<Pending> TakeAppends();  // wants mutex_ to be held
  absl::Status Store(Batch* batch);
  void Tell(Batch& batch);
  static void Refuse(Batch* batch, const absl::Status& status);

  history::History* const history_;
  Pipeline* const pipeline_;
  const Clock clock_;
  const EmbeddedOptions options_;

  // Used by whoever commits, of whom there is one at a time:
  uint64_t head_;
  int64_t last_commit_nanos_;

  std::mutex mutex_;
  std::condition_variable work_;       // for the first thread
  std::condition_variable delivery_;   // for the second thread
  std::condition_variable idle_;
  // Guarded by mutex_:
  std::vector<Pending> queue_;
  size_t queued_bytes_ = 0;
  std::deque<Batch> undelivered_;      // the first one may be under delivery
  size_t gather_ = 1;                  // appends for which the next commit waits a moment
  std::chrono::steady_clock::time_point gather_until_;
  bool committing_ = false;
  bool closed_ = false;
  bool committed_all_ = false;         // closed, and the first thread has ended
  absl::Status down_;                  // why nothing can be stored
  std::chrono::steady_clock::time_point retry_at_;

  std::thread commit_thread_;    // only with own_threads
  std::thread delivery_thread_;  // likewise
};

}  // namespace milepost::log
