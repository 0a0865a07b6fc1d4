// AgedTable: a map that forgets what was not used for long, and the longest unused when it is full.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace milepost::jobs {

// When something was used: the record that used it, and that record's commit time.
struct Stamp {
  uint64_t seq = 0;
  int64_t nanos = 0;
};

// Stamps are passed in and never run backwards, so two tables fed the same forget the same. Not thread-safe.
template <typename Value>
class AgedTable {
 public:
  // At most `max_entries`; an entry is forgotten when `max_age_nanos` have passed since its last use.
  AgedTable(size_t max_entries, int64_t max_age_nanos) : max_entries_(max_entries), max_age_nanos_(max_age_nanos) {}

  // The value of `key`, used now; null if it is not known.
  Value* Find(absl::string_view key, Stamp now) {
    Expire(now.nanos);
    const auto it = index_.find(key);
    if (it == index_.end()) return nullptr;
    it->second->used = now;
    entries_.splice(entries_.end(), entries_, it->second);
    return &it->second->value;
  }

  // As Find, but makes a value by default if there is none.
  Value& FindOrAdd(absl::string_view key, Stamp now) {
    if (Value* found = Find(key, now)) return *found;
    if (entries_.size() >= max_entries_) DropOldest();
    entries_.push_back({std::string(key), now, Value()});
    index_.emplace(entries_.back().key, std::prev(entries_.end()));
    return entries_.back().value;
  }

  // As Find, but is no use of it.
  const Value* Peek(absl::string_view key) const {
    const auto it = index_.find(key);
    return it == index_.end() ? nullptr : &it->second->value;
  }

  size_t size() const { return entries_.size(); }

  // Calls f(key, used, value) for what was used after the record `seq`, newest first. Costs what it calls for.
  template <typename F>
  void ForEachUsedSince(uint64_t seq, F&& f) const {
    for (auto it = entries_.rbegin(); it != entries_.rend() && it->used.seq > seq; ++it) f(it->key, it->used, it->value);
  }

  // From now on, notes the keys of what is forgotten, until they are taken.
  void NoteForgotten() { note_forgotten_ = true; }
  std::vector<std::string> TakeForgotten() { return std::exchange(forgotten_, {}); }

 private:
  struct Entry {
    std::string key;
    Stamp used;
    Value value;
  };

  void Expire(int64_t now_nanos) {
    while (!entries_.empty() && entries_.front().used.nanos < now_nanos - max_age_nanos_) DropOldest();
  }

  void DropOldest() {
    index_.erase(entries_.front().key);
    if (note_forgotten_) forgotten_.push_back(std::move(entries_.front().key));
    entries_.pop_front();
  }

  const size_t max_entries_;
  const int64_t max_age_nanos_;
  bool note_forgotten_ = false;
  std::vector<std::string> forgotten_;
  std::list<Entry> entries_;  // longest unused first
  // Keys point into the list, whose entries do not move.
  absl::flat_hash_map<absl::string_view, typename std::list<Entry>::iterator> index_;
};

}  // namespace milepost::jobs
