// A strict HTTP/1.1 client for tests: raw bytes in, answers out, over a blocking loopback socket.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace milepost::test {

// No wait of a test is longer; reaching it is a failure.
inline constexpr std::chrono::milliseconds kPatience{10'000};

// An answer as a strict client reads it.
struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// A blocking client that reads with patience. Sends from the calling thread.
class Client {
 public:
  explicit Client(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { Close(); }
  Client(const Client&) = delete;

  bool connected() const { return connected_; }

  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  // Closes so that the server gets a reset.
  void Reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    Close();
  }

  void EndOfSending() { shutdown(fd_, SHUT_WR); }

  // False if the server has gone.
  bool Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  // Reads a whole answer; nothing if the connection ends or stays silent before. `head`: the request was HEAD.
  std::optional<Answer> Read(bool head = false) {
    size_t end = 0;
    while ((end = text_.find("\r\n\r\n")) == std::string::npos) {
      if (!Fill()) return std::nullopt;
    }
    Answer answer;
    const std::vector<std::string> lines = absl::StrSplit(text_.substr(0, end), "\r\n");
    EXPECT_EQ(lines[0].substr(0, 9), "HTTP/1.1 ");
    EXPECT_TRUE(absl::SimpleAtoi(lines[0].substr(9, 3), &answer.status)) << lines[0];
    for (size_t i = 1; i < lines.size(); ++i) {
      const std::pair<std::string, std::string> field = absl::StrSplit(lines[i], absl::MaxSplits(": ", 1));
      EXPECT_TRUE(answer.headers.emplace(absl::AsciiStrToLower(field.first), field.second).second) << lines[i];
    }
    text_.erase(0, end + 4);
    size_t length = 0;
    if (const auto it = answer.headers.find("content-length"); it != answer.headers.end() && !head) {
      EXPECT_TRUE(absl::SimpleAtoi(it->second, &length));
    }
    while (text_.size() < length) {
      if (!Fill()) return std::nullopt;
    }
    answer.body = text_.substr(0, length);
    text_.erase(0, length);
    return answer;
  }

  // True if the server closes, and sends nothing before.
  bool Closed() { return text_.empty() && !Fill() && ended_; }

  // All bytes up to the end of the connection.
  std::string ReadToEnd() {
    while (Fill()) {
    }
    EXPECT_TRUE(ended_);
    return std::exchange(text_, "");
  }

  // True if nothing has arrived and the connection is open, as far as one can see now.
  bool Silent() {
    pollfd wait{.fd = fd_, .events = POLLIN};
    return text_.empty() && poll(&wait, 1, 0) == 0;
  }

 private:
  // Reads some bytes; false at the end, or when patience ends.
  bool Fill() {
    pollfd wait{.fd = fd_, .events = POLLIN};
    if (poll(&wait, 1, static_cast<int>(kPatience.count())) != 1) {
      ADD_FAILURE() << "the server stayed silent";
      return false;
    }
    char bytes[16384];
    const ssize_t got = recv(fd_, bytes, sizeof bytes, 0);
    ended_ = got <= 0;
    if (!ended_) text_.append(bytes, static_cast<size_t>(got));
    return !ended_;
  }

  int fd_;
  bool connected_ = false;
  bool ended_ = false;
  std::string text_;  // arrived and not read
};

}  // namespace milepost::test
