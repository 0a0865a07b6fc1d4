// Subscription: a reader's cursor into the log.
//
// It has a position and a short list of events that are ready; it is not a queue. When the list is full it is
// dropped, and the reader gets what it missed from the history, page by page, until it meets the list again:
//
//        position            tail_from                  head
//   ────────┼───────────────────┼────────────────────────┼──▶ log
//           │  read from history │  all wanted ones ready  │
//
// So a reader that does not read costs a constant and loses nothing while the history keeps it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "milepost/v1/event_service.pb.h"
#include "services/history/history.h"

namespace milepost::hub {

class Hub;

// Most events and bytes that wait in a subscription's list.
inline constexpr size_t kMaxReadyEvents = 4096;
inline constexpr size_t kMaxReadyBytes = 4 << 20;
// Most changes of the set that wait to be told; past it an update is refused.
inline constexpr size_t kMaxWaitingMarks = 4096;
// Most names and patterns of one subscription, all updates together.
inline constexpr size_t kMaxCarriedNames = 262'144;

// A change of the set took effect: events of the added names are complete from `from` on.
struct Applied {
  uint64_t revision = 0;
  uint64_t from = 0;
};

// What a reader gets next. Tell it in this order: reset, events, applied marks, position.
struct Batch {
  std::vector<history::EventPtr> events;
  std::vector<Applied> applied;
  // All wanted events up to here were taken, in this and earlier batches. Never goes back.
  uint64_t position = 0;
  // The history no longer had what came next: the reader lost events and needs snapshots taken at `position`.
  bool expired = false;
  // Nothing but a position that is worth telling, because the last one is old.
  bool refresh = false;
  // Not OK: the history cannot be read where the reader is; nothing else is in the batch.
  absl::Status status;

  bool empty() const { return events.empty() && applied.empty() && !expired && !refresh && status.ok(); }
};

struct SubscriptionOptions {
  history::TypeSet types;        // empty: all
  bool latest_progress = false;  // of the waiting step-progress of one job, attempt and step only the newest
  size_t max_ready_events = kMaxReadyEvents;
  size_t max_ready_bytes = kMaxReadyBytes;
};

// Thread-safe; Take is called by one thread at a time. Made and registered by Hub::Subscribe, shared with the
// reactor that reads it. Locks, in the order in which they are taken: names_mutex_, the hub's, mutex_.
class Subscription {
 public:
  // Called without a lock held, on any thread, when an empty Take has a successor; possibly after the reader
  // is gone, so it holds its reader weakly.
  using Wake = std::function<void()>;

  Subscription(Hub* hub, std::string id, uint64_t position, SubscriptionOptions options, Wake wake);

  const std::string& id() const { return id_; }

  // What is carried, patterns included, in no order.
  std::vector<std::string> Names();

  // True if the next Take waits for a disk.
  bool NeedsDisk();

  // The reader has all up to `position` by another way; what is left of it is dropped.
  void SkipTo(uint64_t position);

  // At most about `max_bytes` of events (one event at least). An empty batch promises a wake.
  Batch Take(size_t max_bytes);

 private:
  friend class Hub;

  // The hub's side. Offer, Mark and Refresh return true if the reader is to be woken, once.
  bool Offer(const history::EventPtr& event);
  bool Mark(Applied applied);
  bool Refresh(uint64_t head);
  bool MarksFull();

  bool TakeArmed();
  std::optional<history::Query> MissedRange(size_t max_bytes);
  void ReadMissed(const history::Query& query, Batch* batch);
  void TakeReady(size_t max_bytes, uint64_t head, Batch* batch);
  void TakeMarks(Batch* batch);
  void DropReadyTo(uint64_t position);  // wants mutex_ to be held
  void SkipOlderProgress(std::vector<history::EventPtr>* events) const;

  Hub* const hub_;
  const std::string id_;
  const SubscriptionOptions options_;
  const Wake wake_;

  std::mutex names_mutex_;
  // Guarded by names_mutex_:
  history::NameSet names_;
  uint64_t revision_ = 0;

  std::mutex mutex_;
  // Guarded by mutex_:
  uint64_t position_;
  uint64_t tail_from_ = 0;              // all wanted events after this one are in ready_
  uint64_t offered_ = 0;                // newest sequence that was offered
  uint64_t told_ = 0;                   // position of the newest batch that was not empty
  std::deque<history::EventPtr> ready_;
  size_t ready_bytes_ = 0;
  std::deque<Applied> marks_;
  bool armed_ = false;                  // the reader waits for a wake
  bool refresh_ = false;

  bool closed_ = false;                 // guarded by the hub's mutex
};

}  // namespace milepost::hub
