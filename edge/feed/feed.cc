#include "edge/feed/feed.h"

#include <algorithm>

namespace milepost::edge::feed {

const FramePtr* Feed::After(uint64_t position) const {
  const FramePtr* begin = frames_.data() + head_;
  // Nearly every reader is at the end or one behind it.
  if (begin == end() || (*(end() - 1))->seq() <= position) return end();
  if (end() - begin == 1 || (*(end() - 2))->seq() <= position) return end() - 1;
  return std::partition_point(begin, end(), [&](const FramePtr& frame) { return frame->seq() <= position; });
}

void Feed::Restart(uint64_t start) {
  frames_.clear();
  head_ = 0;
  start_ = start;
}

bool Feed::Append(const FramePtr& frame) {
  if (frame->seq() < start_ || (frames_.size() > head_ && frames_.back()->seq() >= frame->seq())) return false;
  frames_.push_back(frame);
  return true;
}

void Feed::EvictThrough(uint64_t seq) {
  while (head_ < frames_.size() && frames_[head_]->seq() <= seq) {
    start_ = frames_[head_]->seq() + 1;
    frames_[head_++].reset();
  }
  if (head_ == frames_.size()) {
    // Give the memory back: most feeds are idle most of the time.
    frames_ = {};
    head_ = 0;
  } else if (head_ > frames_.size() / 2) {
    frames_.erase(frames_.begin(), frames_.begin() + head_);
    head_ = 0;
  }
}

}  // namespace milepost::edge::feed
