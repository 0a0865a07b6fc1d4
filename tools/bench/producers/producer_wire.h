// One producer's conversation with a log, as bytes in and bytes out.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "tools/bench/wire/event_mark.h"

namespace milepost::bench {

// Told what arrived, answers what to send; owns no socket and no clock, so that one loop can drive many and a test
// can drive it with bytes. Events count from 1 in the order in which they are given. Not thread-safe.
class ProducerWire {
 public:
  virtual ~ProducerWire() = default;
  // Appends to `out` what opens the conversation. Once, before all else.
  virtual void Open(std::string& out) = 0;
  // Takes bytes that arrived, cut anywhere, and appends to `out` what is to be answered. An error is final: the log
  // refused an event, ended the conversation, or makes no sense.
  virtual absl::Status Feed(absl::string_view bytes, std::string& out) = 0;
  // Events may be sent.
  virtual bool ready() const = 0;
  // How many events may be unacknowledged at a time.
  virtual uint64_t credit() const = 0;
  // Appends `events` to `out`, together if the log takes several at once. What flow control does not allow yet is
  // held and goes out in a later Feed.
  virtual void Send(absl::Span<const BenchEvent> events, std::string& out) = 0;
  // The log has acknowledged all events up to this number.
  virtual uint64_t acked() const = 0;
};

}  // namespace milepost::bench
