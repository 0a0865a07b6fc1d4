// When to try again.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>

namespace milepost::client {

// Full jitter: a random time between nothing and a ceiling that doubles with every failure, so that a thousand workers
// whose service came back do not come back together. Not thread-safe.
class Backoff {
 public:
  using Duration = std::chrono::nanoseconds;

  static constexpr Duration kFirst = std::chrono::milliseconds(100);
  static constexpr Duration kMax = std::chrono::seconds(5);

  // `random` gives numbers from 0 to 1.
  explicit Backoff(std::function<double()> random) : random_(std::move(random)) {}

  // How long to wait after one more failure.
  Duration Next() {
    const Duration wait = std::chrono::duration_cast<Duration>(ceiling_ * std::clamp(random_(), 0.0, 1.0));
    ceiling_ = std::min(ceiling_ * 2, kMax);
    return wait;
  }

  // It worked.
  void Reset() { ceiling_ = kFirst; }

 private:
  std::function<double()> random_;
  Duration ceiling_ = kFirst;
};

}  // namespace milepost::client
