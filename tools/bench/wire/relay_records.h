// How the bench hands events to its own yardsticks (floor, WebSocket): records on their standard input.
//
// A record is: index of the job and number of payload bytes, 32 bits each in the machine's own order, then the
// payload, which goes to every reader of the job as it is.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"

namespace milepost::bench {

// Appends one record to `out`.
void AppendRelayRecord(uint32_t job, absl::string_view payload, std::string& out);

// Cuts a stream of bytes into records. Not thread-safe.
class RelayRecordReader {
 public:
  // Takes the next bytes and calls `take` for each record that is now whole; the payload is valid during the
  // call.
  void Feed(absl::string_view bytes, const std::function<void(uint32_t job, absl::string_view payload)>& take);

 private:
  std::string unread_;
};

}  // namespace milepost::bench
