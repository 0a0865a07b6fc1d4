// Bytes of request bodies that all connections together may hold.
#pragma once

#include <atomic>
#include <cstddef>

namespace milepost::edge::http {

// Shared by all connections; any thread.
class BodyBudget {
 public:
  explicit BodyBudget(size_t bytes) : left_(bytes) {}

  // Takes `bytes`, or nothing and false if so much is not left.
  bool Take(size_t bytes) {
    size_t left = left_.load(std::memory_order_relaxed);
    while (left >= bytes) {
      if (left_.compare_exchange_weak(left, left - bytes, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  void GiveBack(size_t bytes) { left_.fetch_add(bytes, std::memory_order_relaxed); }

 private:
  std::atomic<size_t> left_;
};

}  // namespace milepost::edge::http
