// How a command is asked to end.
#pragma once

#include <chrono>
#include <csignal>
#include <optional>

namespace milepost::tool {

// First politely, as Ctrl-C would, then firmly, then for good; sooner if somebody insists. Answers which signal to send.
// Not thread-safe.
class Escalation {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `grace`: between one signal and the next.
  explicit Escalation(std::chrono::milliseconds grace) : grace_(grace) {}

  bool begun() const { return sent_ != 0; }

  // Somebody asks; again: does not want to wait.
  int Ask(Time now) {
    const int signal = sent_ == 0 ? SIGINT : sent_ == SIGINT ? SIGTERM : SIGKILL;
    return Send(signal, now);
  }

  // The signal that is due, if any.
  std::optional<int> Due(Time now) {
    if (sent_ == 0 || sent_ == SIGKILL || now - sent_at_ < grace_) return std::nullopt;
    return Ask(now);
  }

 private:
  int Send(int signal, Time now) {
    sent_ = signal;
    sent_at_ = now;
    return signal;
  }

  const std::chrono::milliseconds grace_;
  int sent_ = 0;
  Time sent_at_{};
};

}  // namespace milepost::tool
