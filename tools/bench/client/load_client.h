// Many readers of one system, in one thread.
#pragma once

#include <netinet/in.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "tools/bench/client/sse_decoder.h"
#include "tools/bench/client/tally.h"

namespace milepost::bench {

// How a reader reaches a system.
struct Target {
  enum class Protocol { kSse, kWebSocket };
  sockaddr_in address{};
  Protocol protocol = Protocol::kSse;
  std::string request;  // sent as it is once the connection stands
  SseDecoder::Options sse;
};

// Holds raw sockets over loopback in one epoll loop and counts what comes. It is the same for all systems and
// does as little as a check of every event allows, because it shares the machine with them.
//
// Connect, Snapshot and the rest are for one controlling thread. The loop runs in a thread of its own; the
// tally is guarded by a mutex that the loop holds for a batch of ready sockets at a time.
class LoadClient {
 public:
  LoadClient();
  // Resets all connections (so that none lingers in TIME_WAIT and takes a port from the next round).
  ~LoadClient();
  LoadClient(const LoadClient&) = delete;
  LoadClient& operator=(const LoadClient&) = delete;

  // Opens a connection to each target and waits until all streams are live. UNAVAILABLE if one is refused or
  // closed, DEADLINE_EXCEEDED after `patience` nanoseconds, CANCELLED if the user interrupts.
  absl::Status Connect(const std::vector<Target>& targets, int64_t patience);

  // Opens all connections at the same moment, as after a network's outage: waits for none of them, and not for a
  // stream to be live. From that moment Tally::finish counts.
  absl::Status Storm(const std::vector<Target>& targets);

  // What was counted so far.
  Tally Snapshot() const;
  uint64_t delivered() const;
  uint64_t finished() const;
  // Forgets the latencies, not the counts.
  void ForgetLatencies();
  // CPU time of the loop's thread, in nanoseconds.
  int64_t CpuNanos() const;

 private:
  struct Connection;

  absl::Status Open(const Target& target);
  absl::Status WaitReady(uint64_t wanted, int64_t deadline) const;
  void Run();
  // Sends the request once a connection that was opened without waiting stands.
  void SendRequest(Connection& connection);
  // Reads once from a ready socket.
  void Receive(Connection& connection);

  const int epoll_;
  const int wake_;  // eventfd: readable when the loop is to end
  std::vector<std::unique_ptr<Connection>> connections_;  // grown by the controlling thread only
  std::vector<char> buffer_;                              // the loop's

  mutable std::mutex mutex_;
  Tally tally_;  // guarded by mutex_

  std::thread thread_;
};

}  // namespace milepost::bench
