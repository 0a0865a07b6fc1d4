// What a load client has counted.
#pragma once

#include <cstdint>

#include "tools/bench/measure/histogram.h"
#include "tools/bench/wire/event_mark.h"

namespace milepost::bench {

// Sums over all connections of one client. A value; guarded by the client that owns it.
struct Tally {
  uint64_t ready = 0;       // connections whose stream is known to be live
  uint64_t delivered = 0;   // events, each counted once
  uint64_t repeated = 0;    // events that a connection had already (or that came out of order)
  uint64_t skipped = 0;     // events that a connection never got although it got later ones
  uint64_t malformed = 0;   // events without a mark, SSE ids that went back, broken framing
  uint64_t closed = 0;      // connections that the server ended or refused
  uint64_t resets = 0;      // streams that said their cursor was no good
  uint64_t finished = 0;    // connections that have all that they were to get
  uint64_t bytes = 0;       // received, with all framing
  Histogram latency;        // from publish to receipt, in nanoseconds
  int64_t began = 0;        // when the readers set out, if they did so all at once
  Histogram finish;         // of those that finished, from then until they had all, in nanoseconds
};

// The place of one connection in its job's events. Counts every event that comes.
class Sequence {
 public:
  Sequence() = default;
  // For a reader that had all up to `had` and has all with `last` (0: there is no last one).
  Sequence(uint64_t had, uint64_t last) : last_(had), finish_(last) {}

  // Takes an event that was received at `now` (MonotonicNanos).
  void Take(const Mark& mark, int64_t now, Tally& tally) {
    if (mark.number <= last_) {
      ++tally.repeated;
      return;
    }
    tally.skipped += mark.number - last_ - 1;
    last_ = mark.number;
    ++tally.delivered;
    tally.latency.Add(now - mark.published);
    if (last_ != finish_) return;
    ++tally.finished;
    tally.finish.Add(now - tally.began);
  }

 private:
  uint64_t last_ = 0;
  uint64_t finish_ = 0;
};

}  // namespace milepost::bench
