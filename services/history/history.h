// History: the events that are kept, by sequence and by resource.
//
// What lies in the history is folded and durable: a reader may see it. Engines (services/log) store, readers
// read. One `floor` holds for the whole log: all records up to it are gone, and a position at or after it
// resumes without loss.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "milepost/v1/event.pb.h"
#include "services/history/name_set.h"
#include "services/history/stored_event.h"

namespace milepost::history {

// Most events of one page.
inline constexpr size_t kMaxPageEvents = 1000;
// Most bytes of events of one page; a single event may be larger.
inline constexpr size_t kMaxPageBytes = 1 << 20;
// Most records that one call looks at, so that a reader of rare events does not hold up the log.
inline constexpr size_t kMaxScan = 16384;

// Event names to let through; empty: all.
using TypeSet = absl::flat_hash_set<std::string>;

// Where a record came from: what the views need beside its event. Refers to the record that is being committed.
struct Origin {
  absl::string_view producer;             // empty: not from a numbered stream
  uint64_t number = 0;                    // the producer's number
  bool first_of_stream = false;           // the producer will never send a lower one again
  int64_t lease_nanos = 0;                // of the stream that it is the first of; 0: the default
  absl::string_view idempotency_key;      // empty: none
  absl::string_view idempotency_content;  // digest of the call's events
  uint64_t index = 0;                     // the event's place in the call
  uint64_t only_after = 0;                // not 0: void if the job had an event after this one
};

// A record after the fold. Without an event it was void: its number is used and nobody sees it.
struct Entry {
  uint64_t seq = 0;
  int64_t commit_nanos = 0;
  EventPtr event;
  Origin origin;
  const v1::ProgressEvent* refused = nullptr;  // an event that was judged and found void; null in all other cases
};

// A record as it is read back, to be folded again.
struct StoredRecord {
  uint64_t seq = 0;
  int64_t commit_nanos = 0;
  bool is_event = false;                     // the verdict when it was committed
  std::unique_ptr<v1::ProgressEvent> event;  // as the fold left it, or as it was refused; null: none was judged
  std::string producer;
  uint64_t number = 0;
  bool first_of_stream = false;
  int64_t lease_nanos = 0;
  std::string idempotency_key;
  std::string idempotency_content;
  uint64_t index = 0;
  uint64_t only_after = 0;
};

// One entry of a view. Without a value it is gone.
struct ViewRow {
  std::string key;
  std::string value;
};

// Sequences: floor is the oldest place to resume from, head the newest record; floor <= head.
struct Bounds {
  uint64_t floor = 0;
  uint64_t head = 0;
  int64_t head_nanos = 0;  // commit time of the newest record, 0 if it is not known
};

struct Query {
  const NameSet* names = nullptr;   // required
  const TypeSet* types = nullptr;   // null: all
  uint64_t after = 0;               // events after this sequence
  uint64_t through = std::numeric_limits<uint64_t>::max();  // and up to this one
  size_t max_events = kMaxPageEvents;
  size_t max_bytes = kMaxPageBytes;
};

struct Page {
  std::vector<EventPtr> events;  // in order, each once
  uint64_t position = 0;         // all wanted events after `after` up to here are in `events`
  bool more = false;             // records between `position` and the end asked for were not looked at
  bool expired = false;          // `after` is below the floor: nothing was read
  uint64_t floor = 0;            // as of this read
  absl::Status status;           // not OK: the store cannot be read there; the page is empty
};

// Thread-safe: one engine stores, any thread reads.
class History {
 public:
  virtual ~History() = default;

  // --- What the engine and the fold use; one thread at a time.

  // OK, or why records would better not be stored now: RESOURCE_EXHAUSTED if there is too little space.
  virtual absl::Status Writable() { return absl::OkStatus(); }

  // Takes the next records; their sequences follow the head by one each. When it returns OK, the records are as
  // durable as this history makes them, and can be read. After an error it is not known which of them are stored:
  // only Reopen helps.
  virtual absl::Status Store(std::span<const Entry> entries) = 0;

  // After a failed Store: finds out what is stored, and makes ready for more. Readers may read meanwhile.
  virtual absl::Status Reopen() { return absl::OkStatus(); }

  // True if views are kept here; otherwise the next three do nothing.
  virtual bool keeps_views() const { return false; }
  // Keeps rows of views that changed up to `seq`, all or none of them.
  virtual absl::Status SaveViews(uint64_t seq, std::span<const ViewRow> rows) { return absl::OkStatus(); }
  // Calls `row` for all that is kept; the sequence up to which they hold.
  virtual absl::StatusOr<uint64_t> LoadViews(const std::function<absl::Status(ViewRow)>& row) { return 0; }
  // Calls `record` for each record after `seq`, in order.
  virtual absl::Status Replay(uint64_t seq, const std::function<absl::Status(StoredRecord)>& record) {
    return absl::OkStatus();
  }

  // --- What readers use; any thread.

  // Drops what is older than retention allows at `now_nanos`.
  virtual void Trim(int64_t now_nanos) = 0;

  virtual Bounds bounds() const = 0;

  // The last sequence of an earlier epoch of this log; nothing if this log had no such epoch.
  virtual std::optional<uint64_t> LastOfEpoch(absl::string_view epoch) const { return std::nullopt; }

  // True if a Read after `after` does not wait for a disk.
  virtual bool InMemory(uint64_t after) const { return true; }

  // One page. Costs what it returns, not what is kept: O(missed) for names, and at most kMaxScan records.
  virtual Page Read(const Query& query) const = 0;

  // The position before the newest `count` wanted events (fewer if fewer are kept). `after` is ignored.
  virtual absl::StatusOr<uint64_t> PositionBeforeLast(const Query& query, size_t count) const = 0;
};

}  // namespace milepost::history
