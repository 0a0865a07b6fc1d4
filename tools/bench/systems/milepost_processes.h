// The processes of one Milepost instance, started, stopped and killed one by one.
#pragma once

#include <netinet/in.h>

#include <memory>
#include <string>
#include <vector>

#include "tools/bench/systems/child_process.h"
#include "tools/bench/systems/system.h"

namespace milepost::bench {

// Ends what is still running when it is destroyed, the edge first, so that it gets an orderly end from the service.
// Not thread-safe; start from the main thread only (child_process.h).
class MilepostProcesses {
 public:
  explicit MilepostProcesses(const MilepostOptions& options) : options_(options) {}

  // Starts milepost-eventd and waits until it is ready; returns how long that took, in nanoseconds. `flags` come
  // after those of the options. UNAVAILABLE, with the end of its log, if it does not come up within `patience`.
  absl::StatusOr<int64_t> StartEventd(const std::vector<std::string>& flags = {},
                                      int64_t patience = kStartPatience);
  // Stops it in order (SIGTERM), or as a crash would.
  void StopEventd() { eventd_.reset(); }
  void KillEventd();
  // Starts milepost-edge on the running eventd and waits until it is ready.
  absl::Status StartEdge();

  void StopEdge() { edge_.reset(); }

  // Of what is running.
  std::vector<Part> Parts() const;
  const sockaddr_in& eventd_address() const { return eventd_address_; }
  const sockaddr_in& edge_address() const { return edge_address_; }
  // "127.0.0.1:PORT"
  std::string eventd_target() const;
  // Why this machine cannot run it; empty if it can.
  static std::string Missing();

  static constexpr int64_t kStartPatience = 30'000'000'000;

 private:
  absl::Status StartPart(const std::vector<std::string>& command, const std::string& log, int64_t patience,
                         std::unique_ptr<ChildProcess>& child, sockaddr_in& address);

  const MilepostOptions options_;
  ScratchDirectory scratch_;
  // Destroyed from below.
  std::unique_ptr<ChildProcess> eventd_;
  std::unique_ptr<ChildProcess> edge_;
  sockaddr_in eventd_address_{};
  sockaddr_in edge_address_{};
};

}  // namespace milepost::bench
