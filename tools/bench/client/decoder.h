// Takes the bytes that one connection received, and counts the events in them.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "tools/bench/client/tally.h"

namespace milepost::bench {

// One connection's decoder. Told what arrived; neither reads nor waits. Not thread-safe.
class Decoder {
 public:
  virtual ~Decoder() = default;
  // Takes the next bytes of the stream, received at `now`; they may end anywhere. False if the stream makes
  // no sense (already counted as malformed): the connection is of no use any more.
  virtual bool Feed(absl::string_view bytes, int64_t now, Tally& tally) = 0;
};

}  // namespace milepost::bench
