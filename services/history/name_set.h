// NameSet: the resource names and patterns that a reader carries, each from a sequence on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "proto/contract/pattern_index.h"
#include "services/history/stored_event.h"

namespace milepost::history {

// Not thread-safe; its owner guards it. Names are valid resource names or patterns.
class NameSet {
 public:
  // Carries `name` from the sequence `from` on. A name that is in already gets the new `from`.
  void Add(absl::string_view name, uint64_t from = 0);

  // Takes `name` out; false if it was not in.
  bool Remove(absl::string_view name);

  bool Contains(absl::string_view name) const;

  // True if one of the event's names is carried at the event's place in the log.
  bool Wants(const StoredEvent& event) const;

  size_t size() const { return names_.size() + patterns_.size(); }
  bool has_patterns() const { return patterns_.size() > 0; }

  // Calls f(name) for every name and pattern, in no order. f must not change the set.
  template <typename F>
  void ForEach(F&& f) const {
    for (const auto& [name, from] : names_) f(absl::string_view(name));
    for (const std::string& pattern : pattern_texts_) f(absl::string_view(pattern));
  }

  // Calls f(name, from) for every exact name, in no order.
  template <typename F>
  void ForEachExactName(F&& f) const {
    for (const auto& [name, from] : names_) f(absl::string_view(name), from);
  }

 private:
  absl::flat_hash_map<std::string, uint64_t> names_;
  // A look-up changes nothing, but PatternIndex hands out mutable values and so has no const look-up.
  mutable contract::PatternIndex<uint64_t> patterns_;
  absl::flat_hash_set<std::string> pattern_texts_;  // what is in patterns_, with the star
};

}  // namespace milepost::history
