#include "edge/sse/outbox.h"

#include <cassert>
#include <utility>

namespace milepost::edge::sse {

size_t Outbox::shared_bytes() const {
  size_t bytes = 0;
  for (const Segment& segment : segments_) bytes += segment.shared != nullptr ? segment.shared->size() : 0;
  return bytes;
}

void Outbox::Append(absl::string_view bytes) {
  if (segments_.empty() || segments_.back().shared != nullptr) segments_.emplace_back();
  segments_.back().own.append(bytes.data(), bytes.size());
}

void Outbox::AppendShared(std::shared_ptr<const std::string> text) {
  if (!text->empty()) segments_.push_back({"", std::move(text)});
}

bool Outbox::Gather(size_t max, std::vector<Piece>& pieces) const {
  for (size_t i = 0; i < segments_.size(); ++i) {
    if (pieces.size() >= max) return false;
    pieces.push_back({segments_[i].bytes().substr(i == 0 ? sent_ : 0)});
  }
  return true;
}

void Outbox::Sent(size_t bytes) {
  assert(!segments_.empty());
  sent_ += bytes;
  if (sent_ < segments_.front().bytes().size()) return;
  sent_ = 0;
  segments_.erase(segments_.begin());
  if (segments_.empty()) segments_ = {};
}

}  // namespace milepost::edge::sse
