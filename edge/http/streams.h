// The streaming side of one event loop: its feeds, its open streams, and the clock they share.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "boost/asio/steady_timer.hpp"
#include "boost/intrusive/list.hpp"
#include "edge/feed/feed_table.h"
#include "edge/feed/source.h"
#include "edge/http/socket.h"
#include "edge/sse/session.h"

namespace milepost::edge::http {

struct StreamOptions {
  absl::Duration heartbeat = absl::Seconds(10);  // silence after which a heartbeat is sent
  absl::Duration stall = absl::Seconds(60);      // a reader that took no byte for so long is closed
  absl::Duration flush = absl::Milliseconds(2);  // shortest time between two writes of events to one stream
  absl::Duration linger = absl::Seconds(2);      // how long an ended stream waits for its client to close
};

class StreamConnection;

// A plain request that waits for events. Used on the loop's thread only.
class Waiter {
 public:
  virtual ~Waiter() = default;
  // Answer now with what there is: the loop is about to stop.
  virtual void EndWait() = 0;
};

// Owned by the loop's wiring; used on the loop's thread only. The io_context and the source outlive it.
class Streams {
 public:
  Streams(boost::asio::io_context& context, feed::FeedTable& table, feed::Source& source, StreamOptions options);
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  // Starts the shared clock.
  void Start();
  // Ends all streams with `goodbye`, spread evenly over `window`, and all waits at once; streams that come later
  // end at once too.
  void Drain(absl::Duration window);
  // Closes what is left.
  void CloseAll();

  // Open streams.
  size_t size() const { return open_; }
  bool draining() const { return draining_; }

  // Keeps a waiter alive until it is removed or the loop ends.
  void AddWaiter(std::shared_ptr<Waiter> waiter);
  void RemoveWaiter(Waiter* waiter) { waiters_.erase(waiter); }

  // The rest is for StreamConnection.
  feed::FeedTable& table() { return table_; }
  feed::Source& source() { return source_; }
  const StreamOptions& options() const { return options_; }
  int64_t now_ms() const;
  uint32_t RetryMs();
  void Opened(StreamConnection& stream);
  void Closed();
  // Calls stream.Flush() when its `flush` is over.
  void DelayFlush(StreamConnection& stream);
  // Calls stream.Tick() at `due_ms`, or a little later.
  void TickAt(StreamConnection& stream, int64_t due_ms);

  // Reused by every write of the loop.
  std::vector<sse::Piece> pieces;

 private:
  using Hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  friend class StreamConnection;
  struct TickList;
  struct FlushList;

  void ScheduleTick();
  void OnTick();
  void OnFlush();
  void EndWaits();

  feed::FeedTable& table_;
  feed::Source& source_;
  const StreamOptions options_;
  const int64_t tick_ms_;
  boost::asio::steady_timer tick_timer_;
  boost::asio::steady_timer flush_timer_;
  bool flush_armed_ = false;
  bool draining_ = false;
  size_t open_ = 0;
  std::minstd_rand random_{std::random_device{}()};

  // A wheel: the streams to be looked at in each coming tick.
  std::unique_ptr<TickList[]> wheel_;
  size_t wheel_at_ = 0;
  int64_t wheel_ms_ = 0;
  std::unique_ptr<FlushList> delayed_;
  absl::flat_hash_map<Waiter*, std::shared_ptr<Waiter>> waiters_;
};

}  // namespace milepost::edge::http
