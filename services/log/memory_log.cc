#include "services/log/memory_log.h"

#include <algorithm>
#include <utility>

namespace milepost::log {

MemoryLog::MemoryLog(history::History* history, Pipeline* pipeline, Clock clock)
    : history_(history), pipeline_(pipeline), clock_(std::move(clock)), head_(history->bounds().head) {}

void MemoryLog::Append(std::vector<Record> records, Done done) {
  std::unique_lock lock(mutex_);
  if (closed_) {
    lock.unlock();
    const absl::Status closed = absl::UnavailableError("the service is stopping: try again");
    done(std::vector<Outcome>(records.size(), Outcome{.status = closed}));
    return;
  }
  queue_.push_back({std::move(records), std::move(done)});
  if (committing_) return;
  committing_ = true;
  while (!queue_.empty()) {
    std::vector<Pending> batch = std::exchange(queue_, {});
    lock.unlock();
    Commit(std::move(batch));
    lock.lock();
  }
  committing_ = false;
  if (closed_) idle_.notify_all();
}

void MemoryLog::Commit(std::vector<Pending> batch) {
  // One time for the batch, and never an earlier one than before, whatever the clock does.
  const int64_t now = last_commit_nanos_ = std::max(last_commit_nanos_, clock_());
  std::vector<history::Entry> entries;
  std::vector<std::vector<Outcome>> outcomes(batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    outcomes[i].resize(batch[i].records.size());
    for (size_t j = 0; j < outcomes[i].size(); ++j) {
      entries.push_back(pipeline_->Fold(++head_, now, batch[i].records[j], &outcomes[i][j]));
    }
  }
  history_->Store(entries);
  pipeline_->Publish(entries);
  for (size_t i = 0; i < batch.size(); ++i) batch[i].done(std::move(outcomes[i]));
}

void MemoryLog::Close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  idle_.wait(lock, [this] { return !committing_; });
}

}  // namespace milepost::log
