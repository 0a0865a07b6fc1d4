// Eventd: the whole event service in one object, for main and for tests.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "services/eventd/options.h"
#include "services/history/history.h"
#include "services/hub/hub.h"
#include "services/log/embedded_log.h"
#include "services/rpc/server.h"

namespace milepost::eventd {

// Started once, stopped once, by one thread. What is made later uses what was made before, so it goes first.
class Eventd {
 public:
  explicit Eventd(const Options& options);

  // Opens the log, rebuilds the views, and listens. UNAVAILABLE if the address cannot be had, or the disk fails;
  // what RocksHistory::Open tells if the store cannot be used.
  absl::Status Start();

  // "ADDRESS:PORT" in use.
  std::string address() const;

  // Ends the streams, acks what is under way, closes the log. Takes at most the drain time and a little more.
  void Stop();

  // After Start.
  hub::Hub& hub() { return *hub_; }

 private:
  absl::Status OpenHistory(const std::string& epoch);

  const Options options_;
  const std::function<int64_t()> clock_;
  std::unique_ptr<history::History> history_;
  std::unique_ptr<hub::Hub> hub_;
  std::unique_ptr<rpc::JobKeeper> keeper_;
  std::unique_ptr<log::EmbeddedLog> log_;
  std::unique_ptr<rpc::Server> server_;
};

}  // namespace milepost::eventd
