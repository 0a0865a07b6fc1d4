// The recent events of one carried resource, and who reads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "edge/feed/frame.h"

namespace milepost::edge::feed {

class Reader;

// A feed belongs to a FeedTable and is used on that table's thread only.
class Feed {
 public:
  // How the trunk stands to the feed's resource.
  enum class Carry : uint8_t {
    kWanted,    // not carried; the next update asks for it
    kAdding,    // asked for, not confirmed
    kCarried,   // every event from start() on is here or was evicted
    kRemoving,  // no longer wanted; the update is under way
  };

  // True if a reader that has everything up to `position` finds all that follows here.
  bool Serves(uint64_t position) const { return carry == Carry::kCarried && position + 1 >= start_; }
  uint64_t start() const { return start_; }

  // The frames after `position`, oldest first, as a range into this feed; valid until the feed changes.
  const FramePtr* After(uint64_t position) const;
  const FramePtr* end() const { return frames_.data() + frames_.size(); }
  bool HasAfter(uint64_t position) const { return frames_.size() > head_ && frames_.back()->seq() > position; }

  // Begins anew: nothing is here, complete from `start` on.
  void Restart(uint64_t start);
  // Adds the next frame; false if it is here already or older than the start.
  bool Append(const FramePtr& frame);
  // Forgets frames up to `seq`.
  void EvictThrough(uint64_t seq);

  std::string name;
  Carry carry = Carry::kWanted;
  bool touched = false;          // got a frame in the batch at hand
  int64_t idle_since_ms = 0;     // when the last reader left
  std::vector<Reader*> readers;  // in no order; maintained by FeedTable

 private:
  uint64_t start_ = 0;
  size_t head_ = 0;  // frames_ before it are evicted
  std::vector<FramePtr> frames_;
};

}  // namespace milepost::edge::feed
