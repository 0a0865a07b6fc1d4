// Bytes of a stream's own that wait for its socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "edge/feed/frame.h"

namespace milepost::edge::sse {

// Bytes to send, in order. Valid until the session or its feeds change.
struct Piece {
  absl::string_view bytes;
  const feed::FramePtr* frame = nullptr;  // null: bytes of the outbox
  uint64_t through = 0;                   // the position once all is sent; only with a frame
};

// Short frames are kept here; what is large is shared with all who send it. Empty it owns no memory. Owned by one
// session, on its thread.
class Outbox {
 public:
  bool empty() const { return segments_.empty(); }
  // Bytes of shared texts that wait.
  size_t shared_bytes() const;

  void Append(absl::string_view bytes);
  void AppendShared(std::shared_ptr<const std::string> text);

  // Adds what waits to `pieces`, up to `max` of them in all; false if not everything found a place.
  bool Gather(size_t max, std::vector<Piece>& pieces) const;
  // So many bytes of the first piece have left.
  void Sent(size_t bytes);

 private:
  struct Segment {
    std::string own;
    std::shared_ptr<const std::string> shared;  // null: `own`
    absl::string_view bytes() const { return shared != nullptr ? *shared : own; }
  };
  std::vector<Segment> segments_;
  size_t sent_ = 0;  // of the first segment
};

}  // namespace milepost::edge::sse
