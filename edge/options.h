// What the edge process can be told, from flags to values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edge/http/cors.h"

namespace milepost::edge {

// Immutable after parsing. Each field's flag has the same name; flags.cc holds their help and defaults.
struct Options {
  std::string listen_host;      // an IP address or "localhost"
  uint16_t listen_port = 0;     // 0: any free one
  std::string eventd;           // HOST:PORT of milepost-eventd
  size_t threads = 1;           // event loops, 1 to 64
  absl::Duration heartbeat;     // 100 ms to 1 min
  absl::Duration stall;         // 1 s to 1 h
  absl::Duration drain_window;  // 0 to 8 s
  size_t feed_memory_bytes = 0; // of each loop; 1 MiB to 16 GiB
  http::Cors cors;              // pages of other origins that may use the edge; none unless told
  bool json_log = false;
};

// Reads the flags of this process, which absl::ParseCommandLine has parsed. INVALID_ARGUMENT names the flag, its
// range and what was given.
absl::StatusOr<Options> OptionsFromFlags();

}  // namespace milepost::edge
