// MemoryHistory: a History in memory, kept up to a size and an age.
#pragma once

#include <chrono>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/history/history.h"
#include "services/history/page_builder.h"

namespace milepost::history {

struct Retention {
  size_t max_bytes = size_t{256} << 20;      // approximate memory of what is kept; 256 MiB
  std::chrono::seconds max_age = std::chrono::hours(24);  // by commit time; 24 h
};

// Thread-safe by one mutex, held for at most one page or one batch.
class MemoryHistory : public History {
 public:
  // Begins empty after `floor`.
  explicit MemoryHistory(Retention retention, uint64_t floor = 0) : retention_(retention), floor_(floor) {}

  absl::Status Store(std::span<const Entry> entries) override;
  void Trim(int64_t now_nanos) override;
  Bounds bounds() const override;
  Page Read(const Query& query) const override;
  absl::StatusOr<uint64_t> PositionBeforeLast(const Query& query, size_t count) const override;

  // Resources in the index; for tests of its bound.
  size_t indexed_names() const;

 private:
  // Rising sequences; those before `begin` are trimmed. A deque would cost half a KiB for a resource with one event.
  struct SeqList {
    std::vector<uint64_t> seqs;
    size_t begin = 0;
  };
  struct Slot {
    int64_t commit_nanos;
    EventPtr event;
  };
  class Merge;

  // All below want mutex_ to be held.
  void StoreLocked(const Entry& entry);
  void TrimLocked(int64_t now_nanos);
  void DropOldest();
  const EventPtr& At(uint64_t seq) const { return slots_[seq - floor_ - 1].event; }
  uint64_t Head() const { return floor_ + slots_.size(); }
  bool ScanIsCheaper(const Query& query, uint64_t end) const;
  void ReadByScan(const Query& query, uint64_t end, PageBuilder* page) const;
  void ReadByIndex(const Query& query, uint64_t end, PageBuilder* page) const;
  uint64_t FindLast(const Query& query, uint64_t below, size_t* left) const;

  const Retention retention_;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  uint64_t floor_;
  size_t bytes_ = 0;
  std::deque<Slot> slots_;  // records floor_+1, floor_+2, …
  absl::flat_hash_map<std::string, SeqList> index_;
};

}  // namespace milepost::history
