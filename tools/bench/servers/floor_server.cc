#include "tools/bench/servers/floor_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "tools/bench/measure/process_stats.h"
#include "tools/bench/wire/event_mark.h"

namespace milepost::bench {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr int kEventsAtOnce = 128;
constexpr size_t kMaxRequestBytes = 8 * 1024;
constexpr absl::string_view kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";

void Watch(int epoll, int operation, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(epoll, operation, fd, &event);
}

}  // namespace

FloorServer::FloorServer(int64_t flush_nanos)
    : flush_nanos_(flush_nanos), epoll_(epoll_create1(EPOLL_CLOEXEC)), buffer_(kReadBytes) {}

FloorServer::~FloorServer() {
  for (const auto& [fd, reader] : readers_) close(fd);
  if (listener_ >= 0) close(listener_);
  close(epoll_);
}

bool FloorServer::Listen() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, raw, size) != 0 || listen(listener_, 4096) != 0) return false;
  getsockname(listener_, raw, &size);
  Watch(epoll_, EPOLL_CTL_ADD, listener_, EPOLLIN);
  Watch(epoll_, EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN);
  std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return true;
}

void FloorServer::Run() {
  epoll_event events[kEventsAtOnce];
  while (true) {
    const int count = Wait(events, kEventsAtOnce);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == STDIN_FILENO) {
        if (!TakeRecords()) return;
      } else if (fd == listener_) {
        Accept();
      } else if (const auto found = readers_.find(fd); found != readers_.end()) {
        Serve(*found->second, events[i].events);
      }
    }
    if (!waiting_.empty()) FlushDue(MonotonicNanos());
  }
}

int FloorServer::Wait(void* events, int capacity) {
  auto* const out = static_cast<epoll_event*>(events);
  if (waiting_.empty()) return epoll_wait(epoll_, out, capacity, -1);
  const int64_t left = std::max<int64_t>(waiting_.front()->due - MonotonicNanos(), 0);
  const timespec timeout{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
  return epoll_pwait2(epoll_, out, capacity, &timeout, nullptr);
}

void FloorServer::Accept() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    auto reader = std::make_unique<Reader>();
    reader->fd = fd;
    readers_[fd] = std::move(reader);
    Watch(epoll_, EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

void FloorServer::Serve(Reader& reader, uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    std::string bytes;
    bytes.swap(reader.backlog);
    Watch(epoll_, EPOLL_CTL_MOD, reader.fd, EPOLLIN);
    Send(reader, bytes, epoll_);
  }
  if ((events & ~uint32_t{EPOLLOUT}) != 0) TakeRequest(reader);
}

void FloorServer::TakeRequest(Reader& reader) {
  const ssize_t size = recv(reader.fd, buffer_.data(), buffer_.size(), 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0 || reader.request.size() > kMaxRequestBytes) return Drop(reader);
  if (reader.live) return;
  reader.request.append(buffer_.data(), static_cast<size_t>(size));
  if (reader.request.find("\r\n\r\n") == std::string::npos) return;
  const auto job = FindJob(reader.request);
  if (!job) return Drop(reader);
  reader.live = true;
  reader.job = *job;
  reader.request = std::string();
  Send(reader, kHead, epoll_);
  jobs_[*job].readers.push_back(&reader);
}

bool FloorServer::TakeRecords() {
  const ssize_t size = read(STDIN_FILENO, buffer_.data(), buffer_.size());
  if (size <= 0) return false;
  records_.Feed({buffer_.data(), static_cast<size_t>(size)}, [this](uint32_t job, absl::string_view payload) {
    if (const auto found = jobs_.find(job); found != jobs_.end()) TakePayload(found->second, payload);
  });
  return true;
}

void FloorServer::TakePayload(Job& job, absl::string_view payload) {
  if (flush_nanos_ == 0) return SendToAll(job, payload, epoll_);
  job.gathered.append(payload.data(), payload.size());
  if (job.waiting) return;
  job.waiting = true;
  job.due = std::max(job.due, MonotonicNanos());
  waiting_.push_back(&job);
}

void FloorServer::FlushDue(int64_t now) {
  // New jobs may have been put behind ones that are due later: those that were sent long ago are due at once.
  const auto late = std::stable_partition(waiting_.begin(), waiting_.end(), [now](Job* job) { return job->due > now; });
  for (auto it = late; it != waiting_.end(); ++it) {
    Job& job = **it;
    SendToAll(job, job.gathered, epoll_);
    job.gathered.clear();
    job.waiting = false;
    job.due = now + flush_nanos_;
  }
  waiting_.erase(late, waiting_.end());
  std::sort(waiting_.begin(), waiting_.end(), [](Job* a, Job* b) { return a->due < b->due; });
}

void FloorServer::SendToAll(Job& job, absl::string_view bytes, int epoll) {
  for (Reader* reader : job.readers) Send(*reader, bytes, epoll);
}

void FloorServer::Send(Reader& reader, absl::string_view bytes, int epoll) {
  if (!reader.backlog.empty()) {
    reader.backlog.append(bytes.data(), bytes.size());
    return;
  }
  const ssize_t sent = send(reader.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(bytes.size())) return;
  if (sent < 0 && errno != EAGAIN) return;  // gone; the next read says so
  bytes.remove_prefix(sent < 0 ? 0 : static_cast<size_t>(sent));
  reader.backlog.assign(bytes.data(), bytes.size());
  Watch(epoll, EPOLL_CTL_MOD, reader.fd, EPOLLIN | EPOLLOUT);
}

void FloorServer::Drop(Reader& reader) {
  if (reader.live) std::erase(jobs_[reader.job].readers, &reader);
  const int fd = reader.fd;
  close(fd);
  readers_.erase(fd);
}

}  // namespace milepost::bench
