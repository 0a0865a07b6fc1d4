#include "services/history/name_set.h"

#include "proto/contract/resource.h"

namespace milepost::history {

void NameSet::Add(absl::string_view name, uint64_t from) {
  if (contract::IsPattern(name)) {
    patterns_[name] = from;
    pattern_texts_.emplace(name);
  } else {
    names_[name] = from;
  }
}

bool NameSet::Remove(absl::string_view name) {
  if (!contract::IsPattern(name)) return names_.erase(name) > 0;
  pattern_texts_.erase(name);
  return patterns_.Erase(name);
}

bool NameSet::Contains(absl::string_view name) const {
  return contract::IsPattern(name) ? patterns_.Find(name) != nullptr : names_.contains(name);
}

bool NameSet::Wants(const StoredEvent& event) const {
  for (const std::string& name : *event.names) {
    const auto it = names_.find(name);
    if (it != names_.end() && it->second <= event.seq) return true;
    if (!has_patterns()) continue;
    bool wanted = false;
    patterns_.ForEachCovering(name, [&](uint64_t from) { wanted |= from <= event.seq; });
    if (wanted) return true;
  }
  return false;
}

}  // namespace milepost::history
