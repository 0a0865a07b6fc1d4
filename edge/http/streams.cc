#include "edge/http/streams.h"

#include <algorithm>
#include <utility>

#include "edge/http/stream_connection.h"

namespace milepost::edge::http {
namespace {

constexpr size_t kWheelSlots = 64;
// Heartbeats may be late by a tick.
constexpr int64_t kMaxTickMs = 250;

using boost::intrusive::constant_time_size;
using boost::intrusive::list;
using boost::intrusive::member_hook;

}  // namespace

struct Streams::TickList
    : list<StreamConnection, member_hook<StreamConnection, Hook, &StreamConnection::tick_hook_>, constant_time_size<false>> {
};
struct Streams::FlushList
    : list<StreamConnection, member_hook<StreamConnection, Hook, &StreamConnection::flush_hook_>, constant_time_size<false>> {
};

Streams::Streams(boost::asio::io_context& context, feed::FeedTable& table, feed::Source& source, StreamOptions options)
    : table_(table),
      source_(source),
      options_(options),
      tick_ms_(std::clamp<int64_t>(absl::ToInt64Milliseconds(options.heartbeat) / 8, 5, kMaxTickMs)),
      tick_timer_(context),
      flush_timer_(context),
      wheel_(std::make_unique<TickList[]>(kWheelSlots)),
      delayed_(std::make_unique<FlushList>()) {}

Streams::~Streams() { CloseAll(); }

int64_t Streams::now_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

uint32_t Streams::RetryMs() { return std::uniform_int_distribution<uint32_t>(500, 1500)(random_); }

void Streams::Opened(StreamConnection&) { ++open_; }

void Streams::Closed() { --open_; }

void Streams::Start() {
  wheel_ms_ = now_ms();
  ScheduleTick();
}

void Streams::ScheduleTick() {
  tick_timer_.expires_after(std::chrono::milliseconds(tick_ms_));
  tick_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    OnTick();
    ScheduleTick();
  });
}

void Streams::TickAt(StreamConnection& stream, int64_t due_ms) {
  const int64_t ticks = (due_ms - wheel_ms_ + tick_ms_ - 1) / tick_ms_;
  const size_t slot = (wheel_at_ + std::clamp<int64_t>(ticks, 1, kWheelSlots - 1)) % kWheelSlots;
  stream.tick_hook_.unlink();
  wheel_[slot].push_back(stream);
}

void Streams::OnTick() {
  const int64_t now = now_ms();
  while (wheel_ms_ + tick_ms_ <= now) {
    wheel_ms_ += tick_ms_;
    wheel_at_ = (wheel_at_ + 1) % kWheelSlots;
    TickList due;
    due.swap(wheel_[wheel_at_]);
    while (!due.empty()) {
      StreamConnection& stream = due.front();
      due.pop_front();
      stream.Tick(now);
    }
  }
  table_.Sweep(now);
  source_.FeedsChanged();
}

void Streams::DelayFlush(StreamConnection& stream) {
  if (stream.flush_hook_.is_linked()) return;
  delayed_->push_back(stream);
  if (flush_armed_) return;
  flush_armed_ = true;
  flush_timer_.expires_after(absl::ToChronoMicroseconds(options_.flush));
  flush_timer_.async_wait([this](const boost::system::error_code& error) {
    flush_armed_ = false;
    if (!error) OnFlush();
  });
}

void Streams::OnFlush() {
  FlushList due;
  due.swap(*delayed_);
  while (!due.empty()) {
    StreamConnection& stream = due.front();
    due.pop_front();
    stream.Flush();
  }
}

void Streams::AddWaiter(std::shared_ptr<Waiter> waiter) {
  Waiter* const key = waiter.get();
  waiters_[key] = std::move(waiter);
}

void Streams::EndWaits() {
  const auto waiters = std::move(waiters_);
  waiters_.clear();
  for (const auto& [key, waiter] : waiters) waiter->EndWait();
}

void Streams::Drain(absl::Duration window) {
  if (std::exchange(draining_, true)) return;
  EndWaits();
  const int64_t now = now_ms();
  const int64_t window_ms = absl::ToInt64Milliseconds(window);
  size_t i = 0;
  std::vector<StreamConnection*> streams;
  for (size_t slot = 0; slot < kWheelSlots; ++slot) {
    for (StreamConnection& stream : wheel_[slot]) streams.push_back(&stream);
  }
  for (StreamConnection* stream : streams) {
    stream->goodbye_at_ms_ = now + window_ms * i++ / static_cast<int64_t>(streams.size());
    TickAt(*stream, stream->goodbye_at_ms_);
  }
}

void Streams::CloseAll() {
  EndWaits();
  for (size_t slot = 0; slot < kWheelSlots; ++slot) {
    while (!wheel_[slot].empty()) wheel_[slot].front().Close();
  }
}

}  // namespace milepost::edge::http
