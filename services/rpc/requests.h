// Small parts that several handlers share.
//
// Pure but for looking at the hub; safe from any thread.
#pragma once

#include <string>

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

// `job` as readers get it.
v1::JobState WithCursor(const hub::Hub& hub, const jobs::Job& job);

}  // namespace milepost::rpc
