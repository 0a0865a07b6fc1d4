// Context: what the handlers of the service share.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "services/hub/hub.h"
#include "services/log/log.h"
#include "services/rpc/job_keeper.h"
#include "services/rpc/pacer.h"
#include "services/rpc/read_pool.h"
#include "services/rpc/streams.h"

namespace milepost::rpc {

inline constexpr size_t kMaxPublishEvents = 1000;      // of one call or batch
inline constexpr size_t kMaxRequestNames = 4096;       // of one request
inline constexpr size_t kMaxTypes = 64;
inline constexpr size_t kMaxIdempotencyKeyBytes = 255;
inline constexpr size_t kMaxResponseBytes = 256 << 10; // of events or snapshots in one message of a stream
inline constexpr size_t kMaxInFlightBytes = 1 << 20;   // read from one stream and not yet appended; then it is not read
inline constexpr uint32_t kDefaultCredit = 1024;       // events that a producer may have unacked
inline constexpr int64_t kReadWaitNanos = int64_t{5} * 1'000'000'000;  // how long Read waits for a place in the log

// Everything pointed at outlives every call.
struct Context {
  hub::Hub* hub = nullptr;
  log::Log* log = nullptr;
  Streams* streams = nullptr;
  JobKeeper* keeper = nullptr;
  std::function<int64_t()> clock;  // nanoseconds since the Unix epoch
  uint32_t credit = kDefaultCredit;
  ReadPool* read_pool = nullptr;        // null: the history is in memory, and is read on the spot
  Pacer* pacer = nullptr;
  std::chrono::microseconds pace{0};    // least time between two writes on one reader's stream; 0: none
};

}  // namespace milepost::rpc
