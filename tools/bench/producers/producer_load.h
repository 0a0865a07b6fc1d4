// Many producers of one log, in one thread.
#pragma once

#include <netinet/in.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/bench/measure/histogram.h"
#include "tools/bench/producers/job_plan.h"
#include "tools/bench/producers/producer_wire.h"

namespace milepost::bench {

// What came of it.
struct ProducerTally {
  uint64_t sent = 0;
  uint64_t acked = 0;
  int64_t nanos = 0;       // from the first event sent to the last acknowledged
  int64_t cpu_nanos = 0;   // of this client's thread in that time
  Histogram latency;       // from sending (or from when it was due, if it was late) to the ack, in nanoseconds
};

// How much is to be published. Whatever ends it first does.
struct ProducerPace {
  uint32_t in_flight = 1;         // events of one producer that are sent and not acknowledged
  double rate = 0;                // events a second, over all producers in turn; 0: as fast as acks come
  double seconds = 0;             // 0: no end by time
  uint64_t events_each = 0;       // of each producer; 0: no end by number
  std::function<void(const ProducerTally&)> progress = nullptr;  // called every few seconds
  int64_t patience = 30'000'000'000;  // with acks outstanding and none coming, in nanoseconds
};

// Each producer has a connection of its own, as workers have: raw sockets in one epoll loop, so that the client takes
// as little as possible of the machine that it shares with the log. Producer i of n publishes to the jobs of its
// plan. An acknowledgement makes room for as many events, which leave in one write. Everything happens in the thread
// that calls, but for acked().
class ProducerLoad {
 public:
  ProducerLoad(const JobPlan& plan, std::vector<std::unique_ptr<ProducerWire>> wires);
  ~ProducerLoad();
  ProducerLoad(const ProducerLoad&) = delete;
  ProducerLoad& operator=(const ProducerLoad&) = delete;

  // Connects all and waits until all may send. DEADLINE_EXCEEDED after 10 s.
  absl::Status Connect(const sockaddr_in& address);
  // Publishes at `pace` and waits for the acks. May be called again and goes on with the plan. UNAVAILABLE if a
  // connection breaks, DEADLINE_EXCEEDED if acks are missing, CANCELLED if the user interrupts.
  absl::StatusOr<ProducerTally> Run(const ProducerPace& pace);
  // How many events all Runs have seen acknowledged. Safe from any thread.
  uint64_t acked() const { return acked_.load(std::memory_order_relaxed); }
  // The same of each producer. Not while Run runs.
  std::vector<uint64_t> AckedByProducer() const;

 private:
  struct Producer;

  absl::Status Poll(int64_t until);
  absl::Status Receive(Producer& producer);
  absl::Status Flush(Producer& producer);
  void TakeAcks(Producer& producer, int64_t now);
  // Sends what a producer may send as fast as acks come.
  absl::Status Refill(Producer& producer);
  absl::Status SendEvents(Producer& producer, uint64_t count, int64_t due);
  absl::Status SendDue(int64_t now);
  // A producer has sent all that it is to send by `now`.
  bool Finished(const Producer& producer, int64_t now) const;

  const JobPlan plan_;
  const int epoll_;
  std::vector<std::unique_ptr<Producer>> producers_;
  std::vector<char> buffer_;
  std::vector<BenchEvent> events_;  // reused
  std::atomic<uint64_t> acked_{0};

  // Of the current Run:
  ProducerPace pace_;
  ProducerTally tally_;
  int64_t start_ = 0;
  int64_t stop_ = 0;
  bool running_ = false;
};

}  // namespace milepost::bench
