// How a command is asked to end.
#pragma once

#include <algorithm>
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

  // Whoever asked gives the command until `when`, and no longer: that is when it is killed, and halfway there at the
  // latest it gets SIGTERM. Of several such times the earliest counts. To be called after Ask.
  void KillAt(Time when) {
    kill_at_ = std::min(when, kill_at_.value_or(when));
    half_ = (*kill_at_ - sent_at_) / 2;
  }

  // The signal that is due, if any.
  std::optional<int> Due(Time now) {
    if (sent_ == 0 || sent_ == SIGKILL) return std::nullopt;
    if (kill_at_ && now >= *kill_at_) return Send(SIGKILL, now);
    if (kill_at_ && sent_ == SIGTERM) return std::nullopt;
    if (now - sent_at_ < (kill_at_ ? std::min<Time::duration>(grace_, half_) : grace_)) return std::nullopt;
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
  std::optional<Time> kill_at_;
  Time::duration half_{};
};

}  // namespace milepost::tool
