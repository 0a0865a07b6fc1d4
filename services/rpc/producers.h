// Producers: which stream speaks for which producer. The newest one does.
#pragma once

#include <memory>
#include <mutex>
#include <string>

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

  // `stream` no longer speaks for `id`, if it still did.
  void Leave(const std::string& id, const PublishStreamReactor* stream) {
    const std::lock_guard lock(mutex_);
    const auto it = by_id_.find(id);
    if (it == by_id_.end()) return;
    const auto current = it->second.lock();
    if (current == nullptr || current.get() == stream) by_id_.erase(it);
  }

 private:
  std::mutex mutex_;
  absl::flat_hash_map<std::string, std::weak_ptr<PublishStreamReactor>> by_id_;  // guarded by mutex_
};

}  // namespace milepost::rpc
