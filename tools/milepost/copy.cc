#include "tools/milepost/copy.h"

#include <cerrno>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

namespace milepost::tool {
namespace {

constexpr size_t kCopyBytes = 64 * 1024;
// What a background process of the command may still write after the command's end, and what the kernel has on its way
// through a pseudo-terminal.
constexpr int kQuietMilliseconds = 50;

int Poll(pollfd* fds, nfds_t count, int timeout) {
  int ready;
  do {
    ready = poll(fds, count, timeout);
  } while (ready < 0 && errno == EINTR);
  return ready;
}

// False: nobody reads any more.
bool WriteAll(int to, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(to, bytes.data(), bytes.size());
    if (written > 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      // Somebody who shares this descriptor made it non-blocking.
      pollfd wait{.fd = to, .events = POLLOUT};
      Poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

Event::Event() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
Event::~Event() { close(fd_); }
void Event::Set() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof one);
}
void Event::Clear() {
  uint64_t count;
  [[maybe_unused]] const ssize_t got = read(fd_, &count, sizeof count);
}

void CopyOutput(int from, int to, const Event& stop, const std::function<void(absl::string_view)>& seen) {
  std::vector<char> buffer(kCopyBytes);
  bool stopping = false;
  for (;;) {
    pollfd fds[2] = {{.fd = from, .events = POLLIN}, {.fd = stopping ? -1 : stop.fd(), .events = POLLIN}};
    if (Poll(fds, 2, stopping ? kQuietMilliseconds : -1) == 0) return;
    stopping = stopping || fds[1].revents != 0;
    if (fds[0].revents == 0) continue;
    const ssize_t got = read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;  // a pseudo-terminal whose other side is closed says EIO
    const absl::string_view bytes(buffer.data(), static_cast<size_t>(got));
    if (!WriteAll(to, bytes)) return;
    seen(bytes);
  }
}

void CopyInput(int from, int to, const Event& stop, const std::function<void()>& interrupt) {
  std::vector<char> buffer(kCopyBytes);
  for (;;) {
    pollfd fds[2] = {{.fd = from, .events = POLLIN}, {.fd = stop.fd(), .events = POLLIN}};
    Poll(fds, 2, -1);
    if (fds[1].revents != 0) return;
    const ssize_t got = read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    absl::string_view bytes(buffer.data(), static_cast<size_t>(got));
    termios modes{};
    if (tcgetattr(to, &modes) == 0 && (modes.c_lflag & ISIG) != 0 && bytes.find(static_cast<char>(modes.c_cc[VINTR])) != absl::string_view::npos) {
      interrupt();
    }
    while (!bytes.empty()) {
      // The command may never read what is typed.
      pollfd room[2] = {{.fd = to, .events = POLLOUT}, {.fd = stop.fd(), .events = POLLIN}};
      Poll(room, 2, -1);
      if (room[1].revents != 0) return;
      const ssize_t written = write(to, bytes.data(), 1);
      if (written < 0 && errno != EINTR && errno != EAGAIN) return;
      if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
    }
  }
}

}  // namespace milepost::tool
