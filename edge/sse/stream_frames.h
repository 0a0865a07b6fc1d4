// The stream's own bytes: response head, retry, connected, reset, snapshot, goodbye, heartbeat.
//
// Frames have id, event, data in that order (contract: design "HTTP at the edge"; format: WHATWG HTML, 9.2
// Server-sent events). All return whole HTTP chunks unless said otherwise. Pure; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "milepost/v1/event_service.pb.h"

namespace milepost::edge::sse {

// Status line and header of a stream's response, with `extra` fields, whose values hold no line end. Not a chunk.
std::string ResponseHead(const std::vector<std::pair<std::string, std::string>>& extra = {});

// Why a stream ends, as told in `goodbye`.
enum class Goodbye { kDraining, kTokenExpired, kRevoked, kShed, kEnded };

std::string RetryFrame(uint32_t retry_ms);
std::string ConnectedFrame(const std::vector<std::string>& resources, absl::string_view cursor, absl::Duration heartbeat,
                           bool names);
std::string ResetFrame(v1::Reset::Reason reason, absl::string_view oldest, bool names);
// What goes before and after a snapshot's data of `bytes` bytes; `id` only on the last one of a stream, else empty.
std::string SnapshotHead(size_t bytes, absl::string_view id, bool names);
absl::string_view SnapshotTail();
// Moves the place where a browser comes back, and tells its page nothing (WHATWG HTML, 9.2.6: an event without data).
std::string IdFrame(absl::string_view id);
std::string GoodbyeFrame(Goodbye reason, bool names);
// A comment with the time, and an id without data if `id` is not empty: everything up to it was delivered.
std::string CommentHeartbeat(absl::Time now, absl::string_view id);
// The same as an event that a native EventSource can see.
std::string EventHeartbeat(absl::Time now, absl::string_view id, bool names);
// The end of the response's body.
absl::string_view LastChunk();

// The data of a reset frame.
std::string ResetJson(v1::Reset::Reason reason, absl::string_view oldest);

}  // namespace milepost::edge::sse
