// What a worker may send: the rules of proto/milepost/v1/event.proto, checked event by event.
//
// Pure functions; safe from any thread. Every error is INVALID_ARGUMENT and names the field and the limit.
#pragma once

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "milepost/v1/event.pb.h"

namespace milepost::rpc {

inline constexpr size_t kMaxEventBytes = 64 << 10;     // as the worker sends it
inline constexpr size_t kMaxEventResources = 16;       // different names beside the job
inline constexpr size_t kMaxMetadataBytes = 4 << 10;   // encoded
inline constexpr size_t kMaxStepMessageBytes = 4 << 10;  // a state holds one for each step
inline constexpr size_t kMaxNameBytes = 256;           // correlation_id, traceparent
inline constexpr size_t kMaxStepIdBytes = 128;
inline constexpr size_t kMaxPlannedSteps = 256;
inline constexpr size_t kMaxLabels = 32;
inline constexpr size_t kMaxLabelKeyBytes = 64;
inline constexpr size_t kMaxLabelValueBytes = 256;
inline constexpr size_t kMaxUnitBytes = 32;
inline constexpr size_t kMaxCodeBytes = 64;            // Notice.code, Line.stream
inline constexpr size_t kMaxArtifactNameBytes = 255;
inline constexpr size_t kMaxUriBytes = 2048;
inline constexpr size_t kMaxMediaTypeBytes = 128;
inline constexpr size_t kMaxActorBytes = 256;
// Objects and lists inside each other in a Struct. Protobuf's JSON writer gives up a little beyond it.
inline constexpr size_t kMaxStructDepth = 16;

// The event in `bytes`, if a worker may send it; without the fields that only the service sets.
absl::StatusOr<std::unique_ptr<v1::ProgressEvent>> ParseEvent(absl::string_view bytes);

// OK if a worker may send `event`. Its size is not checked.
absl::Status ValidateEvent(const v1::ProgressEvent& event);

}  // namespace milepost::rpc
