// A place among the connections that may be open at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace milepost::edge::http {

// Taken when a connection is accepted, given back when this is destroyed: whoever owns the socket keeps the
// slot beside it, so that streams stay counted. Move-only; a moved-from slot is empty. Any thread.
class ConnectionSlot {
 public:
  ConnectionSlot() = default;
  explicit ConnectionSlot(std::shared_ptr<std::atomic<size_t>> open) : open_(std::move(open)) {
    open_->fetch_add(1, std::memory_order_relaxed);
  }
  ConnectionSlot(ConnectionSlot&& other) noexcept = default;
  ConnectionSlot& operator=(ConnectionSlot&& other) noexcept {
    std::swap(open_, other.open_);
    return *this;
  }
  ~ConnectionSlot() {
    if (open_) open_->fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  std::shared_ptr<std::atomic<size_t>> open_;  // shared: a stream may outlive the listener
};

}  // namespace milepost::edge::http
