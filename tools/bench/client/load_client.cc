#include "tools/bench/client/load_client.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tools/bench/client/websocket_decoder.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"

namespace milepost::bench {
namespace {

constexpr size_t kReadBytes = 256 * 1024;
constexpr int kEventsAtOnce = 128;
// Connections that were opened and are not live yet; more could overrun a server's accept queue, which costs
// a second of retransmission each.
constexpr size_t kMaxOpening = 128;
// A source address has 28,000 ports by default. One address serves this many connections.
constexpr size_t kConnectionsPerSource = 10'000;

absl::Status ErrnoStatus(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// 127.0.0.1, 127.0.0.2 and so on.
sockaddr_in SourceAddress(size_t index) {
  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<uint32_t>(index / kConnectionsPerSource));
  return source;
}

// The kernel picks the port at connect(), when it knows the whole pair of addresses.
absl::Status BindSource(int fd, size_t index) {
  const int late = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof(late));
  const sockaddr_in source = SourceAddress(index);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof(source)) != 0) return ErrnoStatus("bind");
  return absl::OkStatus();
}

absl::Status SendAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return ErrnoStatus("send request");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return absl::OkStatus();
}

}  // namespace

struct LoadClient::Connection {
  explicit Connection(int socket) : fd(socket) {}
  ~Connection() {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const int fd;
  std::string request;  // still to be sent
  std::unique_ptr<Decoder> decoder;
};

LoadClient::LoadClient()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), buffer_(kReadBytes) {
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
  thread_ = std::thread([this] { Run(); });
}

LoadClient::~LoadClient() {
  eventfd_write(wake_, 1);
  thread_.join();
  connections_.clear();
  close(wake_);
  close(epoll_);
}

absl::Status LoadClient::Connect(const std::vector<Target>& targets, int64_t patience) {
  const int64_t deadline = MonotonicNanos() + patience;
  connections_.reserve(connections_.size() + targets.size());
  for (const Target& target : targets) {
    if (absl::Status opened = Open(target); !opened.ok()) return opened;
    if (connections_.size() % kMaxOpening != 0) continue;
    if (absl::Status ready = WaitReady(connections_.size() - kMaxOpening / 2, deadline); !ready.ok()) return ready;
  }
  return WaitReady(connections_.size(), deadline);
}

absl::Status LoadClient::Open(const Target& target) {
  auto connection = std::make_unique<Connection>(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int fd = connection->fd;
  if (fd < 0) return ErrnoStatus("socket");
  const timeval limit{.tv_sec = 10, .tv_usec = 0};  // holds for connect() too
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (absl::Status bound = BindSource(fd, connections_.size()); !bound.ok()) return bound;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&target.address), sizeof(target.address)) != 0) {
    return ErrnoStatus("connect");
  }
  if (absl::Status sent = SendAll(fd, target.request); !sent.ok()) return sent;
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  if (target.protocol == Target::Protocol::kSse) {
    connection->decoder = std::make_unique<SseDecoder>(target.sse);
  } else {
    connection->decoder = std::make_unique<WebSocketDecoder>();
  }
  epoll_event event{.events = EPOLLIN, .data = {.ptr = connection.get()}};
  connections_.push_back(std::move(connection));
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) return ErrnoStatus("epoll_ctl");
  return absl::OkStatus();
}

absl::Status LoadClient::Storm(const std::vector<Target>& targets) {
  connections_.reserve(connections_.size() + targets.size());
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    tally_.began = MonotonicNanos();
  }
  for (const Target& target : targets) {
    auto connection = std::make_unique<Connection>(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int fd = connection->fd;
    if (fd < 0) return ErrnoStatus("socket");
    if (absl::Status bound = BindSource(fd, connections_.size()); !bound.ok()) return bound;
    const auto* const address = reinterpret_cast<const sockaddr*>(&target.address);
    if (connect(fd, address, sizeof(target.address)) != 0 && errno != EINPROGRESS) return ErrnoStatus("connect");
    connection->request = target.request;
    connection->decoder = std::make_unique<SseDecoder>(target.sse);
    epoll_event event{.events = EPOLLIN | EPOLLOUT, .data = {.ptr = connection.get()}};
    connections_.push_back(std::move(connection));
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) return ErrnoStatus("epoll_ctl");
  }
  return absl::OkStatus();
}

absl::Status LoadClient::WaitReady(uint64_t wanted, int64_t deadline) const {
  absl::Status waited = WaitFor(
      [&] {
        const std::lock_guard<std::mutex> lock(mutex_);
        return tally_.ready >= wanted || tally_.closed > 0 || tally_.malformed > 0;
      },
      deadline);
  const Tally tally = Snapshot();
  const std::string counts = absl::StrCat(tally.ready, " of ", wanted, " streams live, ", tally.closed, " closed, ",
                                          tally.malformed, " malformed");
  if (tally.closed > 0 || tally.malformed > 0) return absl::UnavailableError(counts);
  if (!waited.ok()) return absl::Status(waited.code(), counts);
  return absl::OkStatus();
}

void LoadClient::Run() {
  epoll_event ready[kEventsAtOnce];
  while (true) {
    const int count = epoll_wait(epoll_, ready, kEventsAtOnce, -1);
    const std::lock_guard<std::mutex> lock(mutex_);
    for (int i = 0; i < count; ++i) {
      if (ready[i].data.ptr == nullptr) return;
      Connection& connection = *static_cast<Connection*>(ready[i].data.ptr);
      if (connection.request.empty()) {
        Receive(connection);
      } else {
        SendRequest(connection);
      }
    }
  }
}

void LoadClient::SendRequest(Connection& connection) {
  // A request fits into an empty socket's buffer; an error shows at the read.
  SendAll(connection.fd, connection.request).IgnoreError();
  connection.request = std::string();
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
}

// Level-triggered and one read each: a second read that only says "nothing more" would cost as much again.
void LoadClient::Receive(Connection& connection) {
  const ssize_t size = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const bool ended = size <= 0;
  if (!ended) {
    tally_.bytes += static_cast<uint64_t>(size);
    const absl::string_view bytes(buffer_.data(), static_cast<size_t>(size));
    if (connection.decoder->Feed(bytes, MonotonicNanos(), tally_)) return;
  }
  if (ended) ++tally_.closed;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, connection.fd, nullptr);
}

Tally LoadClient::Snapshot() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return tally_;
}

uint64_t LoadClient::delivered() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return tally_.delivered;
}

uint64_t LoadClient::finished() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return tally_.finished;
}

void LoadClient::ForgetLatencies() {
  const std::lock_guard<std::mutex> lock(mutex_);
  tally_.latency.Clear();
}

int64_t LoadClient::CpuNanos() const {
  clockid_t clock{};
  timespec used{};
  if (pthread_getcpuclockid(const_cast<std::thread&>(thread_).native_handle(), &clock) != 0) return 0;
  if (clock_gettime(clock, &used) != 0) return 0;
  return int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

}  // namespace milepost::bench
