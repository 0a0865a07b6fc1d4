#include "tools/bench/systems/loopback.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tools/bench/measure/wait.h"

namespace milepost::bench {
namespace {

absl::Status ErrnoStatus(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

}  // namespace

sockaddr_in LoopbackAddress(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

absl::StatusOr<uint16_t> PortOfReadinessLine(absl::string_view line) {
  uint32_t port = 0;
  const size_t colon = line.rfind(':');
  if (!absl::ConsumePrefix(&line, "listening on ") || colon == absl::string_view::npos ||
      !absl::SimpleAtoi(line.substr(line.rfind(':') + 1), &port) || port == 0 || port > UINT16_MAX) {
    return absl::InvalidArgumentError(absl::StrCat("no readiness line: \"", line, "\""));
  }
  return static_cast<uint16_t>(port);
}

absl::StatusOr<uint16_t> FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = LoopbackAddress(0);
  socklen_t size = sizeof(address);
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(fd);
  if (!bound) return ErrnoStatus("bind");
  return ntohs(address.sin_port);
}

absl::StatusOr<int> ConnectTo(const sockaddr_in& address) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  const absl::Status error = ErrnoStatus("connect");
  close(fd);
  return error;
}

absl::StatusOr<int> HttpStatusOf(const sockaddr_in& address, absl::string_view path) {
  absl::StatusOr<int> fd = ConnectTo(address);
  if (!fd.ok()) return fd;
  const timeval limit{.tv_sec = 2, .tv_usec = 0};
  setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  const std::string request = absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  send(*fd, request.data(), request.size(), MSG_NOSIGNAL);
  char answer[64];
  const ssize_t size = recv(*fd, answer, sizeof(answer), MSG_WAITALL);
  close(*fd);
  int status = 0;
  const absl::string_view line(answer, size < 12 ? 0 : 12);  // "HTTP/1.1 200"
  if (line.empty() || !absl::SimpleAtoi(line.substr(9), &status)) return absl::UnavailableError("no HTTP answer");
  return status;
}

absl::Status WaitForHttpOk(const sockaddr_in& address, absl::string_view path, int64_t deadline) {
  absl::Status last;
  const absl::Status waited = WaitFor(
      [&] {
        const absl::StatusOr<int> status = HttpStatusOf(address, path);
        last = status.ok() ? absl::UnavailableError(absl::StrCat("HTTP status ", *status)) : status.status();
        return status.ok() && *status == 200;
      },
      deadline);
  if (waited.ok()) return waited;
  return absl::Status(waited.code(), absl::StrCat(path, " never answered 200: ", last.message()));
}

}  // namespace milepost::bench
