#include "tools/bench/producers/producer_load.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/systems/loopback.h"

namespace milepost::bench {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr int kReadyAtOnce = 128;
constexpr uint64_t kMaxBatch = 1000;
constexpr int64_t kConnectPatience = 10 * kSecond;
constexpr int64_t kLongestWait = 20 * kMillisecond;  // so that an interrupt is seen
constexpr int64_t kShowEvery = 2 * kSecond;
constexpr int64_t kForever = std::numeric_limits<int64_t>::max();

absl::Status Broken(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

}  // namespace

struct ProducerLoad::Producer {
  Producer(uint32_t number, std::unique_ptr<ProducerWire> by) : index(number), wire(std::move(by)) {}
  ~Producer() {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    if (fd < 0) return;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
  }
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Events that were sent together.
  struct Sent {
    uint64_t last = 0;
    int64_t time = 0;
  };

  const uint32_t index;
  const std::unique_ptr<ProducerWire> wire;
  int fd = -1;
  bool wants_write = false;
  std::string out;  // not yet taken by the socket
  std::deque<Sent> waiting;
  uint64_t sent = 0;
  uint64_t acked = 0;
  uint64_t end = 0;  // of the current Run: no more than so many are sent in all
};

ProducerLoad::ProducerLoad(const JobPlan& plan, std::vector<std::unique_ptr<ProducerWire>> wires)
    : plan_(plan), epoll_(epoll_create1(EPOLL_CLOEXEC)), buffer_(kReadBytes) {
  for (auto& wire : wires) {
    producers_.push_back(std::make_unique<Producer>(static_cast<uint32_t>(producers_.size()), std::move(wire)));
  }
}

ProducerLoad::~ProducerLoad() {
  producers_.clear();
  close(epoll_);
}

absl::Status ProducerLoad::Connect(const sockaddr_in& address) {
  for (auto& producer : producers_) {
    const absl::StatusOr<int> fd = ConnectTo(address);
    if (!fd.ok()) return fd.status();
    producer->fd = *fd;
    fcntl(*fd, F_SETFL, fcntl(*fd, F_GETFL) | O_NONBLOCK);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = producer.get()}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, *fd, &event) != 0) return Broken("epoll_ctl");
    producer->wire->Open(producer->out);
    if (absl::Status sent = Flush(*producer); !sent.ok()) return sent;
  }
  const int64_t deadline = MonotonicNanos() + kConnectPatience;
  const auto waits = [](const auto& producer) { return !producer->wire->ready(); };
  while (std::any_of(producers_.begin(), producers_.end(), waits)) {
    if (MonotonicNanos() > deadline) return absl::DeadlineExceededError("producers: the log did not say hello");
    if (absl::Status polled = Poll(deadline); !polled.ok()) return polled;
  }
  return absl::OkStatus();
}

absl::StatusOr<ProducerTally> ProducerLoad::Run(const ProducerPace& pace) {
  pace_ = pace;
  tally_ = ProducerTally();
  start_ = MonotonicNanos();
  stop_ = pace.seconds > 0 ? start_ + static_cast<int64_t>(pace.seconds * 1e9) : kForever;
  running_ = true;
  const int64_t cpu = ThreadCpuNanos();
  absl::Status status;
  for (auto& producer : producers_) producer->end = pace.events_each == 0 ? UINT64_MAX : producer->sent + pace.events_each;
  for (auto& producer : producers_) {
    if (pace.rate == 0 && status.ok()) status = Refill(*producer);
  }
  int64_t last_progress = start_;
  int64_t shown = start_;
  uint64_t acked = 0;
  for (int64_t now = start_; status.ok(); now = MonotonicNanos()) {
    status = SendDue(now);
    if (!status.ok()) break;
    const auto finished = [&](const auto& producer) { return Finished(*producer, now); };
    if (tally_.acked >= tally_.sent && std::all_of(producers_.begin(), producers_.end(), finished)) break;
    if (std::exchange(acked, tally_.acked) != tally_.acked || tally_.sent == tally_.acked) last_progress = now;
    if (now - last_progress > pace.patience) {
      status = absl::DeadlineExceededError(absl::StrCat(tally_.acked, " of ", tally_.sent, " events acked"));
      break;
    }
    if (pace.progress && now - shown >= kShowEvery) {
      shown = now;
      tally_.nanos = now - start_;
      pace.progress(tally_);
    }
    const double next = static_cast<double>(tally_.sent) * 1e9 / std::max(pace.rate, 1e-9);
    status = Poll(pace.rate > 0 && next < 1e18 ? start_ + static_cast<int64_t>(next) : kForever);
  }
  running_ = false;
  tally_.nanos = MonotonicNanos() - start_;
  tally_.cpu_nanos = ThreadCpuNanos() - cpu;
  if (!status.ok()) return status;
  return tally_;
}

std::vector<uint64_t> ProducerLoad::AckedByProducer() const {
  std::vector<uint64_t> acked;
  for (const auto& producer : producers_) acked.push_back(producer->wire->acked());
  return acked;
}

// Waits until a socket is ready or `until` has come, and serves what is ready.
absl::Status ProducerLoad::Poll(int64_t until) {
  if (Interrupted()) return absl::CancelledError("interrupted");
  epoll_event ready[kReadyAtOnce];
  const int64_t wait = std::clamp<int64_t>(until - MonotonicNanos(), 0, kLongestWait);
  const timespec limit{.tv_sec = 0, .tv_nsec = wait};
  const int count = epoll_pwait2(epoll_, ready, kReadyAtOnce, &limit, nullptr);
  for (int i = 0; i < count; ++i) {
    Producer& producer = *static_cast<Producer*>(ready[i].data.ptr);
    if ((ready[i].events & EPOLLOUT) != 0) {
      if (absl::Status sent = Flush(producer); !sent.ok()) return sent;
    }
    if ((ready[i].events & ~static_cast<uint32_t>(EPOLLOUT)) == 0) continue;
    if (absl::Status received = Receive(producer); !received.ok()) return received;
  }
  return absl::OkStatus();
}

absl::Status ProducerLoad::Receive(Producer& producer) {
  const ssize_t size = recv(producer.fd, buffer_.data(), buffer_.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return absl::OkStatus();
  if (size < 0) return Broken("producers");
  if (size == 0) return absl::UnavailableError("producers: the log closed a connection");
  const absl::string_view bytes(buffer_.data(), static_cast<size_t>(size));
  if (absl::Status fed = producer.wire->Feed(bytes, producer.out); !fed.ok()) return fed;
  TakeAcks(producer, MonotonicNanos());
  if (running_ && pace_.rate == 0) return Refill(producer);
  return Flush(producer);
}

void ProducerLoad::TakeAcks(Producer& producer, int64_t now) {
  const uint64_t acked = std::min(producer.wire->acked(), producer.sent);
  while (producer.acked < acked) {
    Producer::Sent& sent = producer.waiting.front();
    const uint64_t upto = std::min(acked, sent.last);
    for (uint64_t i = producer.acked; i < upto; ++i) tally_.latency.Add(now - sent.time);
    tally_.acked += upto - producer.acked;
    acked_.fetch_add(upto - producer.acked, std::memory_order_relaxed);
    producer.acked = upto;
    if (upto == sent.last) producer.waiting.pop_front();
  }
}

bool ProducerLoad::Finished(const Producer& producer, int64_t now) const {
  return now >= stop_ || producer.sent >= producer.end;
}

absl::Status ProducerLoad::Refill(Producer& producer) {
  const uint64_t window = std::min<uint64_t>(pace_.in_flight, producer.wire->credit());
  for (uint64_t flying = producer.sent - producer.acked; flying < window; flying = producer.sent - producer.acked) {
    const int64_t now = MonotonicNanos();
    if (Finished(producer, now)) break;
    const uint64_t count = std::min({window - flying, kMaxBatch, producer.end - producer.sent});
    if (absl::Status sent = SendEvents(producer, count, now); !sent.ok()) return sent;
  }
  return Flush(producer);
}

absl::Status ProducerLoad::SendEvents(Producer& producer, uint64_t count, int64_t due) {
  events_.clear();
  for (uint64_t i = 0; i < count; ++i) events_.push_back(plan_.EventOf(producer.index, producer.sent + i, due));
  producer.wire->Send(events_, producer.out);
  producer.sent += count;
  tally_.sent += count;
  producer.waiting.push_back({producer.sent, due});
  return Flush(producer);
}

// Event i is due at start + i/rate, at producer i modulo their number, whether or not earlier ones are acknowledged.
absl::Status ProducerLoad::SendDue(int64_t now) {
  if (pace_.rate == 0) return absl::OkStatus();
  const double gap = 1e9 / pace_.rate;
  while (true) {
    const int64_t due = start_ + static_cast<int64_t>(static_cast<double>(tally_.sent) * gap);
    Producer& producer = *producers_[tally_.sent % producers_.size()];
    if (due > now || due >= stop_ || Finished(producer, now)) return absl::OkStatus();
    const bool late = now - due > kMillisecond;
    if (absl::Status sent = SendEvents(producer, 1, late ? due : MonotonicNanos()); !sent.ok()) return sent;
  }
}

absl::Status ProducerLoad::Flush(Producer& producer) {
  size_t done = 0;
  while (done < producer.out.size()) {
    const ssize_t sent = send(producer.fd, producer.out.data() + done, producer.out.size() - done, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return Broken("producers");
    if (sent < 0) break;
    done += static_cast<size_t>(sent);
  }
  producer.out.erase(0, done);
  const bool wants_write = !producer.out.empty();
  if (std::exchange(producer.wants_write, wants_write) == wants_write) return absl::OkStatus();
  epoll_event event{.events = EPOLLIN | (wants_write ? EPOLLOUT : 0u), .data = {.ptr = &producer}};
  if (epoll_ctl(epoll_, EPOLL_CTL_MOD, producer.fd, &event) != 0) return Broken("epoll_ctl");
  return absl::OkStatus();
}

}  // namespace milepost::bench
