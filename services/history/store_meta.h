// What a store knows about itself: its epochs and its segments.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace milepost::history {

// One life of the process that wrote the store.
struct Epoch {
  std::string name;
  uint64_t first = 0;        // its first record, if it has any
  int64_t opened_nanos = 0;  // since the Unix epoch
};

// The last record of an epoch that is not the newest: the one before the first of the next. Nothing if it is not
// listed, or is the newest.
std::optional<uint64_t> LastOf(const std::vector<Epoch>& epochs, absl::string_view name);

// Neighbouring records that are dropped together.
struct Segment {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t bytes = 0;        // of the encoded records
  int64_t first_nanos = 0;   // commit times
  int64_t last_nanos = 0;
};

// Divides the log into segments, so that retention knows sizes and ages without a look at the records: about
// kSegments of them by size, and as many by age. Not thread-safe.
class Segments {
 public:
  static constexpr uint64_t kSegments = 64;
  static constexpr uint64_t kMaxSegmentBytes = uint64_t{16} << 20;

  Segments(uint64_t max_bytes, std::chrono::seconds max_age);

  // A closed segment, oldest first.
  void Restore(const Segment& segment);
  // The next record. The segment that ends with it, if one does.
  std::optional<Segment> Add(uint64_t seq, uint64_t bytes, int64_t nanos);

  // Takes out the segments that retention does not keep at `now_nanos` and that end at `limit` or before. The closed
  // ones among them are returned.
  std::vector<Segment> TakeExpired(int64_t now_nanos, uint64_t limit);
  // The newest record that was taken out; 0: none.
  uint64_t expired() const { return expired_; }

  // The last record of the newest closed segment; 0: none.
  uint64_t closed_through() const { return closed_.empty() ? expired_ : closed_.back().last; }
  uint64_t bytes() const { return bytes_; }
  const std::deque<Segment>& closed() const { return closed_; }

 private:
  uint64_t max_bytes_;
  int64_t max_age_nanos_;
  uint64_t segment_bytes_;
  std::deque<Segment> closed_;
  Segment open_;
  uint64_t bytes_ = 0;  // of all segments
  uint64_t expired_ = 0;
};

}  // namespace milepost::history
