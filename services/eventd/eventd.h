// Eventd: the whole event service in one object, for main and for tests.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "services/eventd/options.h"
#include "services/history/memory_history.h"
#include "services/hub/hub.h"
#include "services/log/memory_log.h"
#include "services/rpc/server.h"

namespace milepost::eventd {

// Started once, stopped once, by one thread. What is made later uses what was made before, so it goes first.
class Eventd {
 public:
  explicit Eventd(const Options& options);

  // UNAVAILABLE if the address cannot be had.
  absl::Status Start() { return server_.Start(); }

  // "ADDRESS:PORT" in use.
  std::string address() const;

  // Ends the streams, acks what is under way, closes the log. Takes at most the drain time and a little more.
  void Stop();

  hub::Hub& hub() { return hub_; }

 private:
  const Options options_;
  history::MemoryHistory history_;
  hub::Hub hub_;
  log::MemoryLog log_;
  rpc::Server server_;
};

}  // namespace milepost::eventd
