// What a reader asks for: the query of a stream or poll, or the body of a watch, as values.
//
// Lists are percent-decoded once and then split at ','; '+' is no space; doubles count once. Every error is
// INVALID_ARGUMENT, begins with the name of the parameter and says what to do. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace milepost::edge::sse {

inline constexpr size_t kMaxStreamResources = 512;  // different names or patterns of one stream
inline constexpr size_t kMaxStreamTypes = 64;       // different event names
inline constexpr uint32_t kMaxLast = 1000;          // events
inline constexpr uint32_t kMaxWaitSeconds = 60;

struct StreamRequest {
  // Names or patterns in the order of the request, no doubles, 1 to kMaxStreamResources, all valid.
  std::vector<std::string> resources;
  // Where to go on; empty: not given. A header that is not empty beats the query. Kept as given, even if it is no
  // cursor (the stream answers that with reset); of what is longer than any cursor only so much is kept
  // that it is still none. Never write it to the stream.
  std::string cursor;
  bool snapshot = true;
  // These get a snapshot although there is a cursor; all are in `resources`.
  std::vector<std::string> fresh;
  // The newest so many events instead of snapshots, 1 to kMaxLast; 0: not given. May come with a cursor, as a
  // browser repeats the query when it reconnects.
  uint32_t last = 0;
  // Names of events to pass on; empty: all.
  std::vector<std::string> types;
  bool latest_progress = false;  // older waiting progress may be skipped
  bool names = true;             // write `event:` lines
  bool event_heartbeat = false;  // the heartbeat is an event and no comment
};

// GET /v1/events. `query` is what follows '?', still encoded; `last_event_id` the value of the header, or empty.
absl::StatusOr<StreamRequest> ParseStreamQuery(absl::string_view query, absl::string_view last_event_id);

// GET /v1/jobs/{job}/events: `job` is decoded; the query has the same options but no resources.
absl::StatusOr<StreamRequest> ParseJobStreamQuery(absl::string_view job, absl::string_view query,
                                                  absl::string_view last_event_id);

// POST /v1/events:watch: a JSON object with `resources`, `fresh`, `lastEventId`, `types`, `progress`.
absl::StatusOr<StreamRequest> ParseWatchBody(absl::string_view json);

struct PollRequest {
  std::vector<std::string> resources;  // as above
  std::string after;                   // as StreamRequest::cursor
  uint32_t wait_s = 0;                 // seconds to wait for a first event, 0 to kMaxWaitSeconds
  std::vector<std::string> types;      // as above
};

// GET /v1/poll.
absl::StatusOr<PollRequest> ParsePollQuery(absl::string_view query);

}  // namespace milepost::edge::sse
