// Protobuf's JSON mapping of what browsers get. Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "milepost/v1/event.pb.h"
#include "milepost/v1/event_service.pb.h"

namespace milepost::edge::feed {

// `event` in protobuf's JSON mapping, on one line. Hot kinds are written by hand and are equal, byte for byte,
// to what the library writes. An event that the mapping cannot express (the service lets none in) gives its
// job and seq alone.
std::string EventJson(const v1::ProgressEvent& event);

// `message` in protobuf's JSON mapping, on one line; "{}" if the mapping cannot express it.
std::string MessageJson(const google::protobuf::Message& message);

// {"byState":{…},"total":N} with both members.
std::string CountsJson(const v1::JobCounts& counts);

// Most bytes of one snapshot frame's data, unless a single job needs more: 256 KiB with what is around it on the wire.
inline constexpr size_t kMaxSnapshotFrameBytes = (256 << 10) - 512;

// The data of the frames that tell a snapshot, each on one line, with all members:
// {"type":"snapshot","resource":…,"cursor":…,"jobs":[…],"counts":…,"more":false}. A frame with the resource and the cursor of
// the one before goes on with it; `more` is true if jobs of the resource come in a later frame, or are not told at all.
std::vector<std::string> SnapshotFrames(const v1::Snapshot& snapshot);

}  // namespace milepost::edge::feed
