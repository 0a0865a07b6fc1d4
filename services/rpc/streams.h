// Streams: the open streams of the service, to be visited by its housekeeping and ended when it stops.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace milepost::rpc {

// A stream that takes no byte for so long is cancelled.
inline constexpr int64_t kWriteDeadlineNanos = int64_t{60} * 1'000'000'000;

class Stream {
 public:
  virtual ~Stream() = default;

  // Looks after deadlines.
  virtual void Tick(int64_t now_nanos) = 0;

  // Ends the stream with UNAVAILABLE when what it owes is told.
  virtual void Drain() = 0;
};

// Thread-safe by one mutex, not held while a stream is called.
class Streams {
 public:
  // False while draining: the stream is to end by itself.
  bool Add(const std::shared_ptr<Stream>& stream) {
    const std::lock_guard lock(mutex_);
    if (draining_) return false;
    open_.emplace(stream.get(), stream);
    return true;
  }

  void Remove(Stream* stream) {
    const std::lock_guard lock(mutex_);
    open_.erase(stream);
  }

  void Tick(int64_t now_nanos) {
    for (const auto& stream : All()) stream->Tick(now_nanos);
  }

  // Ends all streams, and those that come later.
  void Drain() {
    {
      const std::lock_guard lock(mutex_);
      draining_ = true;
    }
    for (const auto& stream : All()) stream->Drain();
  }

 private:
  std::vector<std::shared_ptr<Stream>> All() {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Stream>> all;
    for (const auto& [key, weak] : open_) {
      if (auto stream = weak.lock()) all.push_back(std::move(stream));
    }
    return all;
  }

  std::mutex mutex_;
  // Guarded by mutex_:
  std::unordered_map<Stream*, std::weak_ptr<Stream>> open_;
  bool draining_ = false;
};

}  // namespace milepost::rpc
