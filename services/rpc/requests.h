// Small parts that several handlers share.
//
// Pure but for looking at the hub; safe from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_field.h"
#include "milepost/v1/event_service.pb.h"
#include "services/history/history.h"
#include "services/hub/hub.h"

namespace milepost::rpc {

// The types to let through; INVALID_ARGUMENT if one is no event name or if there are too many.
absl::StatusOr<history::TypeSet> ParseTypes(const google::protobuf::RepeatedPtrField<std::string>& types);

v1::Reset MakeReset(const hub::Hub& hub, v1::Reset::Reason reason);

// Most encoded bytes of one snapshot; what does not fit is left out, and `more` is said.
inline constexpr size_t kMaxSnapshotBytes = 256 << 10;

// `job` as readers get it.
v1::JobState WithCursor(const hub::Hub& hub, const jobs::Job& job);

// The snapshots of resources or patterns, in order, all taken at one position of the head, which `position` tells.
// `now_nanos`: since the Unix epoch.
std::vector<v1::Snapshot> MakeSnapshots(const hub::Hub& hub, std::span<const std::string> resources, int64_t now_nanos,
                                        uint64_t* position);

}  // namespace milepost::rpc
