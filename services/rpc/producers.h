// Producers: which stream speaks for which producer. The newest one does.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace milepost::rpc {

class PublishStreamReactor;

// Thread-safe by one mutex.
class Producers {
 public:
  // `stream` speaks for `id` from now on. Returns the stream that did so before, or null: the caller ends it.
  std::shared_ptr<PublishStreamReactor> TakeOver(const std::string& id,
                                                 const std::shared_ptr<PublishStreamReactor>& stream) {
    const std::lock_guard lock(mutex_);
    std::weak_ptr<PublishStreamReactor>& slot = by_id_[id];
    auto before = slot.lock();
    slot = stream;
    return before;
  }

  // `stream` no longer speaks for `id`. False if it did not any more.
  bool Leave(const std::string& id, const PublishStreamReactor* stream) {
    const std::lock_guard lock(mutex_);
    const auto it = by_id_.find(id);
    if (it == by_id_.end()) return false;
    const auto current = it->second.lock();
    if (current != nullptr && current.get() != stream) return false;
    by_id_.erase(it);
    return true;
  }

  // The stream that speaks for `id`, or null.
  std::shared_ptr<PublishStreamReactor> Find(const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto it = by_id_.find(id);
    return it == by_id_.end() ? nullptr : it->second.lock();
  }

  // All that speak now.
  std::vector<std::pair<std::string, std::shared_ptr<PublishStreamReactor>>> All() {
    const std::lock_guard lock(mutex_);
    std::vector<std::pair<std::string, std::shared_ptr<PublishStreamReactor>>> all;
    for (const auto& [id, weak] : by_id_) {
      if (auto stream = weak.lock()) all.emplace_back(id, std::move(stream));
    }
    return all;
  }

 private:
  std::mutex mutex_;
  absl::flat_hash_map<std::string, std::weak_ptr<PublishStreamReactor>> by_id_;  // guarded by mutex_
};

}  // namespace milepost::rpc
