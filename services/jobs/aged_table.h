// AgedTable: a map that forgets what was not used for long, and the longest unused when it is full.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace milepost::jobs {

// Time is passed in and never runs backwards, so two tables fed the same forget the same. Not thread-safe.
template <typename Value>
class AgedTable {
 public:
  // At most `max_entries`; an entry is forgotten when `max_age_nanos` have passed since its last use.
  AgedTable(size_t max_entries, int64_t max_age_nanos) : max_entries_(max_entries), max_age_nanos_(max_age_nanos) {}

  // The value of `key`, used now; null if it is not known.
  Value* Find(absl::string_view key, int64_t now_nanos) {
    Expire(now_nanos);
    const auto it = index_.find(key);
    if (it == index_.end()) return nullptr;
    it->second->used_nanos = now_nanos;
    entries_.splice(entries_.end(), entries_, it->second);
    return &it->second->value;
  }

  // As Find, but makes a value by default if there is none.
  Value& FindOrAdd(absl::string_view key, int64_t now_nanos) {
    if (Value* found = Find(key, now_nanos)) return *found;
    if (entries_.size() >= max_entries_) DropOldest();
    entries_.push_back({std::string(key), now_nanos, Value()});
    index_.emplace(entries_.back().key, std::prev(entries_.end()));
    return entries_.back().value;
  }

  // As Find, but is no use of it.
  const Value* Peek(absl::string_view key) const {
    const auto it = index_.find(key);
    return it == index_.end() ? nullptr : &it->second->value;
  }

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string key;
    int64_t used_nanos;
    Value value;
  };

  void Expire(int64_t now_nanos) {
    while (!entries_.empty() && entries_.front().used_nanos < now_nanos - max_age_nanos_) DropOldest();
  }

  void DropOldest() {
    index_.erase(entries_.front().key);
    entries_.pop_front();
  }

  const size_t max_entries_;
  const int64_t max_age_nanos_;
  std::list<Entry> entries_;  // longest unused first
  // Keys point into the list, whose entries do not move.
  absl::flat_hash_map<absl::string_view, typename std::list<Entry>::iterator> index_;
};

}  // namespace milepost::jobs
