// Accepts connections and hands them to the event loops in turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "edge/http/cors.h"
#include "edge/http/limits.h"
#include "edge/http/router.h"

namespace milepost::edge::http {

// One event loop: connections given to it live in it until they end, and only its thread touches them.
struct Loop {
  boost::asio::io_context* context = nullptr;
  const Router* router = nullptr;
};

// One listening socket, on the first loop. (Not one per loop by SO_REUSEPORT: then a port that another
// process has taken would go unnoticed.) The loops, their contexts and routers outlive the Listener; each
// context is run by one thread. All methods but Stop and the counts: one thread, before the loops run.
class Listener {
 public:
  Listener(std::vector<Loop> loops, const Limits& limits, Cors cors = {});
  ~Listener();  // as Stop
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Binds and starts to accept. `address` is an IP address or "localhost"; `port` 0 picks one. Errors say what
  // to change: INVALID_ARGUMENT for what is no address, ALREADY_EXISTS if the port is taken,
  // PERMISSION_DENIED, or UNAVAILABLE if this machine has no such address.
  absl::Status Open(absl::string_view address, uint16_t port);

  // Where it listens: "127.0.0.1:8080" or "[::1]:8080". Empty before Open.
  const std::string& address() const;
  uint16_t port() const;

  // Accepts no more; open connections go on, and plain ones close after their next answer. Any thread.
  void Stop();

  // Connections that are open now, streams included (see ConnectionSlot). Any thread.
  size_t connections() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with the pending accept
};

}  // namespace milepost::edge::http
