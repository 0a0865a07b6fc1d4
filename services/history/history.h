// History: the events that are kept, by sequence and by resource.
//
// What lies in the history is folded and durable: a reader may see it. Engines (services/log) store, readers
// read. One `floor` holds for the whole log: all records up to it are gone, and a position at or after it
// resumes without loss.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
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

// A record after the fold. Without an event it was void: its number is used and nobody sees it.
struct Entry {
  uint64_t seq = 0;
  int64_t commit_nanos = 0;
  EventPtr event;
};

// Sequences: floor is the oldest place to resume from, head the newest record; floor <= head.
struct Bounds {
  uint64_t floor = 0;
  uint64_t head = 0;
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
};

// Thread-safe: one engine stores, any thread reads.
class History {
 public:
  virtual ~History() = default;

  // Takes the next records; their sequences follow the head by one each. Then drops what retention no longer
  // keeps. When it returns, the records are as durable as this history makes them.
  virtual void Store(std::span<const Entry> entries) = 0;

  // Drops what is older than retention allows at `now_nanos`.
  virtual void Trim(int64_t now_nanos) = 0;

  virtual Bounds bounds() const = 0;

  // One page. Costs what it returns, not what is kept: O(missed) for names, and at most kMaxScan records.
  virtual Page Read(const Query& query) const = 0;

  // The position before the newest `count` wanted events (fewer if fewer are kept). `after` is ignored.
  virtual uint64_t PositionBeforeLast(const Query& query, size_t count) const = 0;
};

}  // namespace milepost::history
