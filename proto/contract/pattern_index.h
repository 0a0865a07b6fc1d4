// PatternIndex<T>: from resource names and patterns to values, looked up by resource.
//
// A look-up costs one hash for the exact name and one for each different length among the patterns, however
// many names and patterns there are. Not thread-safe; values do not move while they are in the index.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "proto/contract/resource.h"

namespace milepost::contract {

template <typename T>
class PatternIndex {
 public:
  // The value at exactly this name or pattern, or null.
  T* Find(absl::string_view name) {
    Map& map = IsPattern(name) ? patterns_ : names_;
    const auto it = map.find(Key(name));
    return it == map.end() ? nullptr : it->second.get();
  }

  // The value at exactly this name or pattern, made by default if there is none.
  T& operator[](absl::string_view name) {
    if (T* found = Find(name)) return *found;
    if (IsPattern(name)) ++lengths_[Key(name).size()];
    auto& slot = (IsPattern(name) ? patterns_ : names_)[Key(name)];
    slot = std::make_unique<T>();
    return *slot;
  }

  // Takes a name or pattern out; false if it was not there.
  bool Erase(absl::string_view name) {
    if (!IsPattern(name)) return names_.erase(Key(name)) > 0;
    if (patterns_.erase(Key(name)) == 0) return false;
    const auto it = lengths_.find(Key(name).size());
    if (--it->second == 0) lengths_.erase(it);
    return true;
  }

  // Calls f(T&) for the exact name and for every pattern that covers it. f must not change the index.
  template <typename F>
  void ForEachCovering(absl::string_view resource, F&& f) {
    if (const auto it = names_.find(resource); it != names_.end()) f(*it->second);
    for (const auto& [length, count] : lengths_) {
      if (length > resource.size()) break;
      if (const auto it = patterns_.find(resource.substr(0, length)); it != patterns_.end()) f(*it->second);
    }
  }

  // Calls f(T&) for every value, in no order. f must not change the index.
  template <typename F>
  void ForEach(F&& f) {
    for (auto* map : {&names_, &patterns_}) {
      for (auto& [name, value] : *map) f(*value);
    }
  }

  size_t size() const { return names_.size() + patterns_.size(); }

 private:
  using Map = absl::flat_hash_map<std::string, std::unique_ptr<T>>;

  // A pattern is kept under its text without the star.
  static absl::string_view Key(absl::string_view name) {
    if (IsPattern(name)) name.remove_suffix(1);
    return name;
  }

  Map names_;
  Map patterns_;
  std::map<size_t, size_t> lengths_;  // length of a pattern's key → how many have it
};

}  // namespace milepost::contract
