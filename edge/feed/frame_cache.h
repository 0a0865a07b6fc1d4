// The newest frames of the process, so that an event that several loops carry is encoded once.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "edge/feed/frame.h"

namespace milepost::edge::feed {

// Thread-safe by one mutex, held for a look-up only. Two threads that miss at the same moment may both encode;
// their frames are equal.
class FrameCache {
 public:
  // Larger frames are rare and are encoded by each loop, so that the cache stays below 16 MiB.
  static constexpr size_t kMaxFrameBytes = 8 << 10;

  // `slots` frames at most.
  explicit FrameCache(size_t slots = 2048) : slots_(slots) {}

  // The frame of `event`, whose seq is set.
  FramePtr Get(const v1::ProgressEvent& event, absl::string_view epoch) {
    {
      std::lock_guard lock(mutex_);
      const Slot& slot = slots_[event.seq() % slots_.size()];
      if (slot.frame != nullptr && slot.frame->seq() == event.seq() && slot.epoch == epoch) return slot.frame;
    }
    auto frame = std::make_shared<const Frame>(event, epoch);
    if (frame->wire().size() > kMaxFrameBytes) return frame;
    std::lock_guard lock(mutex_);
    slots_[event.seq() % slots_.size()] = {std::string(epoch), frame};
    return frame;
  }

 private:
  struct Slot {
    std::string epoch;
    FramePtr frame;
  };
  std::mutex mutex_;
  std::vector<Slot> slots_;  // guarded by mutex_; an event's place is its seq modulo the size
};

}  // namespace milepost::edge::feed
