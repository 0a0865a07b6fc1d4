// Server: the gRPC server of the event service, with its housekeeping.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <grpcpp/server.h>

#include "absl/status/status.h"
#include "services/rpc/context.h"
#include "services/rpc/event_service.h"
#include "services/rpc/job_service.h"
#include "services/rpc/keep_awake.h"

namespace milepost::rpc {

// The machine's clock.
int64_t UnixNanos();

struct ServerOptions {
  std::string listen = "127.0.0.1:7070";  // ADDRESS:PORT; port 0 picks one
  int max_request_bytes = 4 << 20;        // a larger request fails with RESOURCE_EXHAUSTED
  int max_metadata_bytes = 8 << 10;
  int max_streams = 1000;                 // calls at a time on one connection; more wait in the client
  int stream_window_bytes = 256 << 10;    // what a producer may have in flight on one stream
  uint32_t credit = kDefaultCredit;       // events a producer may have unacked
  std::chrono::microseconds pace{0};      // least time between two writes on one reader's stream; 0: none
  std::function<int64_t()> clock = UnixNanos;  // nanoseconds since the Unix epoch
  int read_threads = 0;                   // that read the history; 0: it is in memory and is read on gRPC's threads
};

// Made once, started once, stopped once, by one thread.
class Server {
 public:
  // All must outlive the server.
  Server(ServerOptions options, hub::Hub* hub, history::History* history, log::Log* log, JobKeeper* keeper);
  ~Server();

  // UNAVAILABLE if the address cannot be had.
  absl::Status Start();

  // The port in use.
  int port() const { return port_; }

  // Ends every stream with UNAVAILABLE after its acks, and cancels what is left after `grace`. Blocks.
  void Stop(std::chrono::milliseconds grace);

 private:
  void Housekeep();

  const ServerOptions options_;
  history::History* const history_;
  hub::Hub* const hub_;
  JobKeeper* const keeper_;
  Streams streams_;
  Pacer pacer_;
  std::unique_ptr<ReadPool> read_pool_;
  const Context context_;
  EventServiceImpl event_service_;
  JobServiceImpl job_service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;

  std::unique_ptr<KeepAwake> keep_awake_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread housekeeping_;
};

}  // namespace milepost::rpc
