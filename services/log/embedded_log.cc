#include "services/log/embedded_log.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace milepost::log {
namespace {

// Batches that are stored before their readers and producers are told; then the disk waits.
constexpr size_t kMaxUndelivered = 4;
// The part of a commit's time for which the next one waits at most.
constexpr int kGatherPart = 4;

}  // namespace

EmbeddedLog::EmbeddedLog(history::History* history, Pipeline* pipeline, Clock clock, EmbeddedOptions options)
    : history_(history),
      pipeline_(pipeline),
      clock_(std::move(clock)),
      options_(options),
      head_(history->bounds().head),
      last_commit_nanos_(history->bounds().head_nanos) {
  if (!options_.own_threads) return;
  commit_thread_ = std::thread([this] { Commit(); });
  delivery_thread_ = std::thread([this] { Deliver(); });
}

EmbeddedLog::~EmbeddedLog() { Close(); }

void EmbeddedLog::Append(std::vector<Record> records, Done done) {
  Pending pending{.records = std::move(records), .done = std::move(done)};
  for (const Record& record : pending.records) pending.bytes += record.bytes;
  Add(std::move(pending));
}

void EmbeddedLog::Ask(std::string producer, Done done) {
  Add({.done = std::move(done), .producer = std::move(producer)});
}

void EmbeddedLog::Add(Pending pending) {
  std::unique_lock lock(mutex_);
  absl::Status refused = down_;
  if (closed_) {
    refused = absl::UnavailableError("the service is stopping: try again");
  } else if (refused.ok() && !queue_.empty() && queued_bytes_ + pending.bytes > options_.max_queued_bytes) {
    refused = absl::ResourceExhaustedError(absl::StrCat("the log: more than ", options_.max_queued_bytes >> 20,
                                                        " MiB of events wait to be stored: try again later"));
  }
  if (!refused.ok()) {
    lock.unlock();
    Batch batch;
    batch.appends.push_back(std::move(pending));
    Refuse(&batch, refused);
    return Tell(batch);
  }
  queued_bytes_ += pending.bytes;
  queue_.push_back(std::move(pending));
  if (options_.own_threads) {
    if (queue_.size() == 1 || queue_.size() == gather_) work_.notify_one();
    return;
  }
  if (committing_) return;
  while (!queue_.empty()) CommitNext(lock);
  if (closed_) idle_.notify_all();
}

void EmbeddedLog::Commit() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (undelivered_.size() >= kMaxUndelivered) {
      work_.wait(lock);
    } else if (!queue_.empty()) {
      if (queue_.size() < gather_ && !closed_ && std::chrono::steady_clock::now() < gather_until_) {
        work_.wait_until(lock, gather_until_);
      } else {
        CommitNext(lock);
      }
    } else if (closed_) {
      committed_all_ = true;
      delivery_.notify_one();
      return;
    } else if (down_.ok()) {
      if (work_.wait_for(lock, options_.upkeep) == std::cv_status::timeout) Upkeep(lock);
    } else if (std::chrono::steady_clock::now() < retry_at_ || !undelivered_.empty()) {
      // What was stored is told first: recovering publishes all that readers have not seen.
      work_.wait_until(lock, std::max(retry_at_, std::chrono::steady_clock::now() + std::chrono::milliseconds(1)));
    } else {
      Recover(lock);
    }
  }
}

void EmbeddedLog::Deliver() {
  std::unique_lock lock(mutex_);
  while (true) {
    delivery_.wait(lock, [this] { return !undelivered_.empty() || committed_all_; });
    if (undelivered_.empty()) return;
    Batch& batch = undelivered_.front();  // stays where it is while others are added
    lock.unlock();
    Tell(batch);
    lock.lock();
    undelivered_.pop_front();
    if (undelivered_.size() == kMaxUndelivered - 1 || !down_.ok()) work_.notify_one();
  }
}

std::vector<EmbeddedLog::Pending> EmbeddedLog::TakeAppends() {
  size_t events = 0, bytes = 0;
  auto end = queue_.begin();
  while (end != queue_.end() && (events == 0 || events + end->records.size() <= options_.max_batch_events)) {
    events += end->records.size();
    bytes += end->bytes;
    ++end;
  }
  std::vector<Pending> appends(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  queued_bytes_ -= bytes;
  return appends;
}

void EmbeddedLog::CommitNext(std::unique_lock<std::mutex>& lock) {
  committing_ = true;
  const auto begin = std::chrono::steady_clock::now();
  Batch batch{.appends = TakeAppends()};
  const size_t appends = batch.appends.size();
  absl::Status status = down_;
  lock.unlock();
  if (status.ok()) status = history_->Writable();
  if (status.ok()) {
    status = Store(&batch);
    if (!status.ok()) {
      // Before anyone is told, so that what producers send again at once is refused at once.
      lock.lock();
      down_ = status;
      retry_at_ = std::chrono::steady_clock::now() + options_.retry;
      lock.unlock();
    }
  }
  if (!status.ok()) Refuse(&batch, status);
  if (options_.own_threads) {
    lock.lock();
    undelivered_.push_back(std::move(batch));
    delivery_.notify_one();
    gather_ = appends + queue_.size();
    const auto now = std::chrono::steady_clock::now();
    gather_until_ = now + (now - begin) / kGatherPart;
    lock.unlock();
  } else {
    Tell(batch);
  }
  if (status.ok()) pipeline_->Upkeep();
  lock.lock();
  committing_ = false;
}

absl::Status EmbeddedLog::Store(Batch* batch) {
  // One time for the batch, and never an earlier one than before, whatever the clock does.
  const int64_t now = last_commit_nanos_ = std::max(last_commit_nanos_, clock_());
  batch->outcomes.resize(batch->appends.size());
  for (size_t i = 0; i < batch->appends.size(); ++i) {
    std::vector<Record>& records = batch->appends[i].records;
    batch->outcomes[i].resize(std::max<size_t>(1, records.size()));
    // Before what comes after it is folded, and told when what came before it is stored.
    if (records.empty()) batch->outcomes[i][0].producer_mark = pipeline_->ProducerMark(batch->appends[i].producer);
    for (size_t j = 0; j < records.size(); ++j) {
      batch->entries.push_back(pipeline_->Fold(++head_, now, records[j], &batch->outcomes[i][j]));
    }
  }
  pipeline_->Seal();
  return history_->Store(batch->entries);
}

void EmbeddedLog::Tell(Batch& batch) {
  pipeline_->Publish(batch.entries);
  for (size_t i = 0; i < batch.appends.size(); ++i) batch.appends[i].done(std::move(batch.outcomes[i]));
}

void EmbeddedLog::Refuse(Batch* batch, const absl::Status& status) {
  batch->entries.clear();
  batch->outcomes.clear();
  for (const Pending& pending : batch->appends) {
    batch->outcomes.emplace_back(std::max<size_t>(1, pending.records.size()), Outcome{.status = status});
  }
}

// The fold knows records that may not be stored; what is stored tells.
void EmbeddedLog::Recover(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  const absl::Status recovered = pipeline_->Recover();
  const history::Bounds bounds = history_->bounds();
  lock.lock();
  retry_at_ = std::chrono::steady_clock::now() + options_.retry;
  if (!recovered.ok()) return;
  head_ = bounds.head;
  last_commit_nanos_ = std::max(last_commit_nanos_, bounds.head_nanos);
  down_ = absl::OkStatus();
}

void EmbeddedLog::Upkeep(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  pipeline_->Upkeep();
  lock.lock();
}

void EmbeddedLog::Close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  if (commit_thread_.joinable()) {
    lock.unlock();
    work_.notify_all();
    commit_thread_.join();
    delivery_thread_.join();
    return;
  }
  idle_.wait(lock, [this] { return options_.own_threads || (!committing_ && queue_.empty()); });
}

}  // namespace milepost::log
