// The unary calls of milepost-eventd that workloads about past events need.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "tools/bench/wire/event_mark.h"

namespace milepost::bench {

// What one Read brought.
struct ReadPage {
  uint64_t events = 0;
  uint64_t first_number = 0;  // of the job's events; they came without a hole from first to last
  uint64_t last_number = 0;
  std::string first_cursor;  // a reader that had the first event resumes with it
  bool more = false;
  int64_t nanos = 0;  // from call to answer
};

// Synchronous calls on one channel. For one thread.
class EventCalls {
 public:
  // `address` is "HOST:PORT".
  explicit EventCalls(const std::string& address);
  ~EventCalls();
  EventCalls(const EventCalls&) = delete;
  EventCalls& operator=(const EventCalls&) = delete;

  // Publishes all, in calls of 1,000, and returns a cursor at each.
  absl::StatusOr<std::vector<std::string>> Publish(absl::Span<const BenchEvent> events);
  // Reads events of `job` after the cursor `after`, or, if that is empty, the newest `last`. DATA_LOSS if they are
  // not consecutive, or if the cursor was refused.
  absl::StatusOr<ReadPage> Read(uint32_t job, const std::string& after, uint32_t last = 0);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace milepost::bench
