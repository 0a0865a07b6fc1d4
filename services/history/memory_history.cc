#include "services/history/memory_history.h"

#include <algorithm>
#include <cassert>

#include "services/history/page_builder.h"

namespace milepost::history {
namespace {

// A record's slot and its share of container overhead.
constexpr size_t kSlotBytes = 64;

}  // namespace

absl::Status MemoryHistory::Store(std::span<const Entry> entries) {
  if (entries.empty()) return absl::OkStatus();
  const std::lock_guard lock(mutex_);
  for (const Entry& entry : entries) StoreLocked(entry);
  TrimLocked(entries.back().commit_nanos);
  return absl::OkStatus();
}

void MemoryHistory::StoreLocked(const Entry& entry) {
  assert(entry.seq == Head() + 1);
  slots_.push_back({entry.commit_nanos, entry.event});
  bytes_ += kSlotBytes;
  if (entry.event == nullptr) return;
  bytes_ += entry.event->Cost();
  for (const std::string& name : *entry.event->names) {
    SeqList& list = index_[name];
    if (list.seqs.empty() || list.seqs.back() != entry.seq) list.seqs.push_back(entry.seq);
  }
}

void MemoryHistory::Trim(int64_t now_nanos) {
  const std::lock_guard lock(mutex_);
  TrimLocked(now_nanos);
}

void MemoryHistory::TrimLocked(int64_t now_nanos) {
  const int64_t oldest = now_nanos - std::chrono::nanoseconds(retention_.max_age).count();
  while (!slots_.empty() && (bytes_ > retention_.max_bytes || slots_.front().commit_nanos < oldest)) DropOldest();
}

void MemoryHistory::DropOldest() {
  const uint64_t seq = ++floor_;
  const EventPtr event = std::move(slots_.front().event);
  slots_.pop_front();
  bytes_ -= kSlotBytes;
  if (event == nullptr) return;
  bytes_ -= event->Cost();
  for (const std::string& name : *event->names) {
    const auto it = index_.find(name);
    if (it == index_.end()) continue;
    SeqList& list = it->second;
    if (list.seqs[list.begin] == seq) ++list.begin;
    if (list.begin == list.seqs.size()) {
      index_.erase(it);
    } else if (list.begin * 2 > list.seqs.size()) {
      // At most as many moves as there were drops, so a drop stays O(1).
      list.seqs.erase(list.seqs.begin(), list.seqs.begin() + list.begin);
      list.begin = 0;
    }
  }
}

Bounds MemoryHistory::bounds() const {
  const std::lock_guard lock(mutex_);
  return {floor_, Head(), slots_.empty() ? 0 : slots_.back().commit_nanos};
}

size_t MemoryHistory::indexed_names() const {
  const std::lock_guard lock(mutex_);
  return index_.size();
}

// Walks the index lists of a query's names in order of sequence, each sequence once.
class MemoryHistory::Merge {
 public:
  enum Direction { kForward, kBackward };

  // Sequences in (after, end], rising or falling.
  Merge(const MemoryHistory& history, const NameSet& names, uint64_t after, uint64_t end, Direction direction)
      : direction_(direction) {
    names.ForEachExactName([&](absl::string_view name, uint64_t from) {
      const auto it = history.index_.find(name);
      if (it == history.index_.end()) return;
      const auto& seqs = it->second.seqs;
      const uint64_t low = std::max(after, from == 0 ? 0 : from - 1);
      const auto first = std::upper_bound(seqs.begin() + it->second.begin, seqs.end(), low);
      const auto last = std::upper_bound(first, seqs.end(), end);
      if (first != last) ranges_.push_back({&*first, &*first + (last - first)});
    });
    std::make_heap(ranges_.begin(), ranges_.end(), Later());
  }

  // The next sequence, or 0 at the end.
  uint64_t Next() {
    while (!ranges_.empty()) {
      std::pop_heap(ranges_.begin(), ranges_.end(), Later());
      Range& range = ranges_.back();
      const uint64_t seq = direction_ == kForward ? *range.first++ : *--range.last;
      if (range.first == range.last) {
        ranges_.pop_back();
      } else {
        std::push_heap(ranges_.begin(), ranges_.end(), Later());
      }
      if (seq != previous_) return previous_ = seq;
    }
    return 0;
  }

 private:
  struct Range {
    const uint64_t* first;
    const uint64_t* last;
  };
  struct HeapOrder {
    Direction direction;
    bool operator()(const Range& a, const Range& b) const {
      return direction == kForward ? *a.first > *b.first : *(a.last - 1) < *(b.last - 1);
    }
  };
  HeapOrder Later() const { return {direction_}; }

  const Direction direction_;
  std::vector<Range> ranges_;
  uint64_t previous_ = 0;
};

bool MemoryHistory::ScanIsCheaper(const Query& query, uint64_t end) const {
  // Setting up a merge costs a few look-ups a name.
  return query.names->has_patterns() || (end - query.after) / 4 < query.names->size();
}

Page MemoryHistory::Read(const Query& query) const {
  const std::lock_guard lock(mutex_);
  PageBuilder builder(query);
  builder.page.floor = floor_;
  if (query.after < floor_) {
    builder.page.expired = true;
    builder.page.position = query.after;
    return builder.Take();
  }
  const uint64_t end = std::min(query.through, Head());
  builder.page.position = std::max(query.after, end);
  if (query.after >= end) return builder.Take();
  if (ScanIsCheaper(query, end)) {
    ReadByScan(query, end, &builder);
  } else {
    ReadByIndex(query, end, &builder);
  }
  builder.page.more = builder.page.position < end;
  return builder.Take();
}

void MemoryHistory::ReadByScan(const Query& query, uint64_t end, PageBuilder* builder) const {
  for (uint64_t seq = query.after + 1; seq <= end; ++seq) {
    const EventPtr& event = At(seq);
    const bool wanted = event != nullptr && WantsType(query, event->type) && query.names->Wants(*event);
    if (!builder->MayLook() || (wanted && !builder->Add(event))) {
      builder->page.position = seq - 1;
      return;
    }
  }
}

void MemoryHistory::ReadByIndex(const Query& query, uint64_t end, PageBuilder* builder) const {
  Merge merge(*this, *query.names, query.after, end, Merge::kForward);
  while (const uint64_t seq = merge.Next()) {
    const EventPtr& event = At(seq);
    if (!builder->MayLook() || (WantsType(query, event->type) && !builder->Add(event))) {
      builder->page.position = seq - 1;
      return;
    }
  }
}

absl::StatusOr<uint64_t> MemoryHistory::PositionBeforeLast(const Query& query, size_t count) const {
  uint64_t below = std::numeric_limits<uint64_t>::max();
  // In turns, so that a long search does not hold up the log.
  while (true) {
    const std::lock_guard lock(mutex_);
    below = std::min(below, std::min(query.through, Head()) + 1);
    if (below <= floor_ + 1 || count == 0) return std::max(floor_, below - 1);
    below = FindLast(query, below, &count);
  }
}

// Looks at up to kMaxScan records under `below`, newest first, and counts *left down for each wanted event.
// Returns the sequence from which on it has looked at all.
uint64_t MemoryHistory::FindLast(const Query& query, uint64_t below, size_t* left) const {
  size_t looked = 0;
  if (query.names->has_patterns()) {
    uint64_t seq = below - 1;
    for (; seq > floor_ && *left > 0 && looked < kMaxScan; --seq, ++looked) {
      const EventPtr& event = At(seq);
      if (event != nullptr && WantsType(query, event->type) && query.names->Wants(*event)) --*left;
    }
    return seq + 1;
  }
  Merge merge(*this, *query.names, floor_, below - 1, Merge::kBackward);
  while (const uint64_t seq = merge.Next()) {
    if (WantsType(query, At(seq)->type)) --*left;
    if (*left == 0 || ++looked >= kMaxScan) return seq;
  }
  return floor_ + 1;
}

}  // namespace milepost::history
