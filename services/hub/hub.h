// Hub: where records become events and events find their readers.
//
// It is the engine's pipeline (fold, then publish) and the register of subscriptions. An event costs one
// look-up for each of its names and one step for each subscription that wants it, however many there are.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "milepost/v1/event_service.pb.h"
#include "proto/contract/pattern_index.h"
#include "services/history/history.h"
#include "services/hub/subscription.h"
#include "services/jobs/fold.h"
#include "services/jobs/job_table.h"
#include "services/jobs/job_view.h"
#include "services/log/log.h"

namespace milepost::hub {

// Most subscriptions at a time.
inline constexpr size_t kMaxSubscriptions = 10'000;
// Views are kept after so many records. A start folds at most about that many.
inline constexpr uint64_t kCheckpointRecords = 20'000;
inline constexpr std::chrono::seconds kCheckpointInterval{5};  // or after so long, because retention stops there
// Most calls that wait for the log to reach a place.
inline constexpr size_t kMaxWaiting = 10'000;

// Where a cursor leads.
struct Start {
  uint64_t position = 0;
  // Not RESET_UNSPECIFIED: the cursor cannot be honoured; `position` is the head and snapshots are due.
  v1::Reset::Reason reset = v1::Reset::REASON_UNSPECIFIED;
};

// Told of every change of jobs just before readers may see it, one commit at a time and in order; on the engine's threads.
using JobsListener = std::function<void(const jobs::JobChanges&)>;

// Thread-safe. jobs_mutex_ and then mutex_ are held while a batch is shown, so that jobs, subscriptions and the head move
// together; no callback runs under them.
class Hub : public log::Pipeline {
 public:
  // `history` must outlive the hub. `epoch`: 8 characters [a-z0-9] that name this log. `keep_jobs_nanos`: how long a
  // job is known after its last record.
  Hub(history::History* history, std::string epoch, int64_t keep_jobs_nanos = jobs::kMemoryNanos);

  // The engine's side; one thread at a time.
  history::Entry Fold(uint64_t seq, int64_t commit_nanos, log::Record& record, log::Outcome* outcome) override;
  void Seal() override;
  void Publish(std::span<const history::Entry> entries) override;
  void Upkeep() override;
  absl::Status Recover() override;

  // Makes the fold from what the history holds, before the first record: from its views and what came after, or with
  // `all_records` from every record that is kept. DATA_LOSS if it cannot be read. The number of records whose verdict was
  // another one when they were committed, which happens when limits or --keep_jobs changed; what was told then holds.
  absl::StatusOr<uint64_t> Rebuild(bool all_records = false);
  // Keeps the views as they are now, so that the next start is quick. The engine is at rest.
  absl::Status Checkpoint();

  // The newest record that readers may see. All events up to it have been offered to their subscriptions.
  uint64_t head() const { return head_.load(std::memory_order_acquire); }
  const history::History& history() const { return *history_; }
  std::string CursorAt(uint64_t seq) const;

  // Where a cursor or one of the words "earliest" and "latest" leads.
  Start Resolve(absl::string_view cursor) const;

  // --- Jobs, as of the head.

  // Null if it is not known.
  jobs::JobPtr FindJob(absl::string_view name) const;
  // The jobs of `names` (resources or patterns), all as they stood at `position`.
  jobs::JobView View(std::vector<std::string> names, uint64_t* position) const;
  // All jobs, newest first.
  std::vector<jobs::JobPtr> AllJobs() const;
  // To be called once, before the first record. `listener` is told at once of the jobs that there are.
  void SetJobsListener(JobsListener listener);

  // As of the newest record that was folded, which need not be durable yet: Log::Ask waits for that.
  uint64_t ProducerMark(absl::string_view producer) const override;

  // True if the producer released its lease and has published nothing since; as of the same record.
  bool Released(absl::string_view producer) const;
  // How long the lease of its newest stream is; 0: the default, or it is not known. As of the same record.
  int64_t LeaseNanos(absl::string_view producer) const;

  // A subscription to valid `names` from `cursor` on; null: from the head. `start` tells where that led.
  // Close it in the end. RESOURCE_EXHAUSTED if there are too many.
  absl::StatusOr<std::shared_ptr<Subscription>> Subscribe(std::string id, const std::vector<std::string>& names,
                                                          const std::string* cursor, SubscriptionOptions options,
                                                          Subscription::Wake wake, Start* start);
  void Close(const std::shared_ptr<Subscription>& subscription);

  // Changes the set of a subscription. NOT_FOUND, or RESOURCE_EXHAUSTED if it would carry too many names.
  absl::Status Update(absl::string_view id, uint64_t revision, const std::vector<std::string>& add,
                      const std::vector<std::string>& remove);

  // Calls `done(true)` when the head is at `seq` or past it, at once if it is; or `done(false)` when a Tick finds
  // `deadline_nanos` passed, if too many wait, or after EndWaits.
  void WaitFor(uint64_t seq, int64_t deadline_nanos, std::function<void(bool)> done);

  // Once a second or so: refreshes the positions of idle subscriptions, and ends waits that are overdue.
  void Tick(int64_t now_nanos);

  // Nobody waits any more, now or later: the service stops.
  void EndWaits();

  size_t subscriptions() const;
  size_t waits() const;

 private:
  using Node = absl::InlinedVector<Subscription*, 1>;
  struct Waiting {
    int64_t deadline_nanos;
    std::function<void(bool)> done;
  };

  // Shows readers the entries, and the jobs after `change_table`.
  void Show(std::span<const history::Entry> entries, const std::function<void(jobs::JobTable*)>& change_table);
  absl::StatusOr<uint64_t> Refold(jobs::Fold* fold, bool all_records, std::vector<history::Entry>* unpublished);
  // Both want mutex_ to be held.
  void Register(absl::string_view name, Subscription* subscription);
  void Unregister(absl::string_view name, Subscription* subscription);
  std::shared_ptr<Subscription> Find(absl::string_view id) const;
  void AnswerWaiting();

  history::History* const history_;
  const int64_t keep_jobs_nanos_;
  const std::string epoch_;
  std::atomic<uint64_t> head_;

  mutable std::mutex fold_mutex_;  // the engine folds in order; the mutex is for those who ask for marks
  std::unique_ptr<jobs::Fold> fold_;
  uint64_t folded_ = 0;            // the newest record that was folded
  struct Sealed {
    uint64_t through = 0;          // the commit's last record
    jobs::JobChanges changes;
  };
  std::deque<Sealed> sealed_;      // commits that are not shown yet; guarded by fold_mutex_

  mutable std::mutex jobs_mutex_;
  jobs::JobTable jobs_;            // guarded by jobs_mutex_
  JobsListener jobs_listener_;

  std::chrono::steady_clock::time_point saved_at_;  // as saved_
  uint64_t saved_ = 0;  // the record up to which views are kept; used by the engine's thread

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  contract::PatternIndex<Node> index_;
  absl::flat_hash_map<std::string, std::shared_ptr<Subscription>> by_id_;

  mutable std::mutex waiting_mutex_;
  // Guarded by waiting_mutex_:
  std::multimap<uint64_t, Waiting> waiting_;  // by sequence
  bool waits_ended_ = false;
};

}  // namespace milepost::hub
