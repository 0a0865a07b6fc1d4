#include "services/history/store_meta.h"

#include <algorithm>

namespace milepost::history {

std::optional<uint64_t> LastOf(const std::vector<Epoch>& epochs, absl::string_view name) {
  for (size_t i = 0; i + 1 < epochs.size(); ++i) {
    if (epochs[i].name == name) return epochs[i + 1].first - 1;
  }
  return std::nullopt;
}

Segments::Segments(uint64_t max_bytes, std::chrono::seconds max_age)
    : max_bytes_(max_bytes),
      max_age_nanos_(std::chrono::nanoseconds(max_age).count()),
      segment_bytes_(std::clamp<uint64_t>(max_bytes / kSegments, 1, kMaxSegmentBytes)) {}

void Segments::Restore(const Segment& segment) {
  closed_.push_back(segment);
  bytes_ += segment.bytes;
}

std::optional<Segment> Segments::Add(uint64_t seq, uint64_t bytes, int64_t nanos) {
  if (open_.first == 0) open_ = {.first = seq, .first_nanos = nanos};
  open_.last = seq;
  open_.last_nanos = nanos;
  open_.bytes += bytes;
  bytes_ += bytes;
  const bool old = nanos - open_.first_nanos >= max_age_nanos_ / static_cast<int64_t>(kSegments);
  if (open_.bytes < segment_bytes_ && !old) return std::nullopt;
  closed_.push_back(open_);
  open_ = {};
  return closed_.back();
}

std::vector<Segment> Segments::TakeExpired(int64_t now_nanos, uint64_t limit) {
  std::vector<Segment> expired;
  const int64_t oldest = now_nanos - max_age_nanos_;
  while (!closed_.empty() && (bytes_ > max_bytes_ || closed_.front().last_nanos < oldest) && closed_.front().last <= limit) {
    expired.push_back(closed_.front());
    closed_.pop_front();
    bytes_ -= expired.back().bytes;
    expired_ = expired.back().last;
  }
  if (closed_.empty() && open_.first != 0 && open_.last_nanos < oldest && open_.last <= limit) {
    bytes_ -= open_.bytes;
    expired_ = open_.last;
    open_ = {};
  }
  return expired;
}

}  // namespace milepost::history
