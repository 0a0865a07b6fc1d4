// The edge process: event loops, their trunks, the listener; ordered start and stop.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "edge/options.h"

namespace milepost::edge {

// Made, started, run and destroyed on one thread.
class Edge {
 public:
  explicit Edge(const Options& options);
  ~Edge();
  Edge(const Edge&) = delete;
  Edge& operator=(const Edge&) = delete;

  // Binds the listening socket. Errors say what to change. From here on SIGTERM and SIGINT wait for Run.
  absl::Status Open();
  // "127.0.0.1:8080". After Open.
  const std::string& address() const;
  // Serves until SIGTERM or SIGINT, then drains: accepts no more, says goodbye to every stream, lets requests end.
  void Run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace milepost::edge
