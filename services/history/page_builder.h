// PageBuilder: fills a page within its limits.
#pragma once

#include <cstddef>
#include <utility>

#include "services/history/history.h"

namespace milepost::history {

inline bool WantsType(const Query& query, absl::string_view type) {
  return query.types == nullptr || query.types->empty() || query.types->contains(type);
}

// For one read, on one thread.
class PageBuilder {
 public:
  explicit PageBuilder(const Query& query) : query_(query) {}

  // True if one more record may be looked at; otherwise the page ends before it.
  bool MayLook() {
    if (looked_ >= kMaxScan || full_) return false;
    ++looked_;
    return true;
  }

  // Adds a wanted event; false if it does not fit.
  bool Add(const EventPtr& event) {
    const size_t size = event->bytes.size();
    if (page.events.size() >= query_.max_events || (!page.events.empty() && bytes_ + size > query_.max_bytes)) {
      full_ = true;
      return false;
    }
    bytes_ += size;
    page.events.push_back(event);
    return true;
  }

  Page Take() { return std::move(page); }

  Page page;

 private:
  const Query& query_;
  size_t bytes_ = 0;
  size_t looked_ = 0;
  bool full_ = false;
};

}  // namespace milepost::history
