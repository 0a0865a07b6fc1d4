// Publishes by one HTTP POST an event over a few keep-alive connections.
#pragma once

#include <netinet/in.h>

#include <string>
#include <vector>

#include "tools/bench/systems/system.h"

namespace milepost::bench {

// Each connection has at most one request in flight, so no more than `connections` events are on their way;
// when all are, Publish waits for an answer. Events of a job stay in order only as far as the server answers
// in order, so a job always uses the same connection.
class HttpPublisher : public Publisher {
 public:
  struct Options {
    sockaddr_in address{};
    size_t connections = 8;
    std::string path_prefix;                // the job's name follows
    std::vector<std::string> header_lines;  // without line ends
  };

  static absl::StatusOr<std::unique_ptr<Publisher>> Open(const Options& options);
  ~HttpPublisher() override;

  absl::Status Publish(absl::Span<const BenchEvent> events) override;
  absl::Status Finish(int64_t deadline) override;

 private:
  struct Connection {
    int fd = -1;
    bool busy = false;
    std::string answer;  // as far as it was read
  };

  explicit HttpPublisher(const Options& options);
  // Reads until the answer that is due is complete. DEADLINE_EXCEEDED at `deadline`.
  absl::Status AwaitAnswer(Connection& connection, int64_t deadline);

  const std::string path_prefix_;
  std::string headers_;
  std::vector<Connection> connections_;
};

}  // namespace milepost::bench
