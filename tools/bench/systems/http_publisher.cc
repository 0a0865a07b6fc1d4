#include "tools/bench/systems/http_publisher.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/systems/loopback.h"

namespace milepost::bench {
namespace {

constexpr int64_t kAnswerPatience = 10 * kSecond;

// The bytes of the whole answer once its head is there; 0 while it is not.
size_t AnswerBytes(absl::string_view answer) {
  const size_t head = answer.find("\r\n\r\n");
  if (head == absl::string_view::npos) return 0;
  const std::string lower = absl::AsciiStrToLower(answer.substr(0, head + 2));
  constexpr absl::string_view kLength = "\r\ncontent-length:";
  size_t body = 0;
  if (const size_t at = lower.find(kLength.data(), 0, kLength.size()); at != std::string::npos) {
    const size_t begin = at + kLength.size();
    const std::string value = lower.substr(begin, lower.find('\r', begin) - begin);
    if (!absl::SimpleAtoi(value, &body)) return 0;
  }
  return head + 4 + body;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Publisher>> HttpPublisher::Open(const Options& options) {
  auto publisher = std::unique_ptr<HttpPublisher>(new HttpPublisher(options));
  for (Connection& connection : publisher->connections_) {
    const absl::StatusOr<int> fd = ConnectTo(options.address);
    if (!fd.ok()) return fd.status();
    connection.fd = *fd;
  }
  return publisher;
}

HttpPublisher::HttpPublisher(const Options& options)
    : path_prefix_(options.path_prefix), connections_(options.connections) {
  for (const std::string& line : options.header_lines) absl::StrAppend(&headers_, line, "\r\n");
}

HttpPublisher::~HttpPublisher() {
  for (const Connection& connection : connections_) {
    if (connection.fd >= 0) close(connection.fd);
  }
}

absl::Status HttpPublisher::Publish(absl::Span<const BenchEvent> events) {
  for (const BenchEvent& event : events) {
    Connection& connection = connections_[event.job % connections_.size()];
    if (absl::Status free = AwaitAnswer(connection, MonotonicNanos() + kAnswerPatience); !free.ok()) return free;
    const std::string body = EventJson(event);
    const std::string request =
        absl::StrCat("POST ", path_prefix_, JobName(event.job), " HTTP/1.1\r\nHost: localhost\r\n", headers_,
                     "Content-Type: application/json\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
    if (send(connection.fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
      return absl::UnavailableError(absl::StrCat("publish: ", std::strerror(errno)));
    }
    connection.busy = true;
  }
  return absl::OkStatus();
}

absl::Status HttpPublisher::AwaitAnswer(Connection& connection, int64_t deadline) {
  while (connection.busy) {
    const size_t whole = AnswerBytes(connection.answer);
    if (whole > 0 && connection.answer.size() >= whole) {
      const bool accepted = absl::StartsWith(connection.answer, "HTTP/1.1 2");
      if (!accepted) return absl::UnavailableError(absl::StrCat("publish: ", connection.answer.substr(0, 64)));
      connection.answer.erase(0, whole);
      connection.busy = false;
      break;
    }
    const int64_t left = (deadline - MonotonicNanos()) / kMillisecond;
    if (left <= 0) return absl::DeadlineExceededError("publish: no answer");
    pollfd ready{.fd = connection.fd, .events = POLLIN};
    poll(&ready, 1, static_cast<int>(std::min<int64_t>(left, 100)));
    char bytes[4096];
    const ssize_t size = recv(connection.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN && !Interrupted()) continue;
    if (size <= 0) return absl::UnavailableError("publish: connection closed");
    connection.answer.append(bytes, static_cast<size_t>(size));
  }
  return absl::OkStatus();
}

absl::Status HttpPublisher::Finish(int64_t deadline) {
  for (Connection& connection : connections_) {
    if (absl::Status answered = AwaitAnswer(connection, deadline); !answered.ok()) return answered;
  }
  return absl::OkStatus();
}

}  // namespace milepost::bench
