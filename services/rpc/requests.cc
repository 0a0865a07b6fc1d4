#include "services/rpc/requests.h"

#include "absl/strings/str_cat.h"
#include "proto/contract/event_name.h"
#include "proto/contract/resource.h"
#include "services/rpc/context.h"

namespace milepost::rpc {

absl::StatusOr<history::TypeSet> ParseTypes(const google::protobuf::RepeatedPtrField<std::string>& types) {
  if (static_cast<size_t>(types.size()) > kMaxTypes) {
    return absl::InvalidArgumentError(
        absl::StrCat("types: ", types.size(), " names, at most ", kMaxTypes, " are allowed"));
  }
  history::TypeSet set;
  for (const std::string& type : types) {
    if (!contract::IsEventName(type)) {
      return absl::InvalidArgumentError(absl::StrCat("types: ", contract::Quoted(type),
                                                     " is no event name: it must match [a-z][a-z0-9-]{0,63}"));
    }
    set.insert(type);
  }
  return set;
}

v1::Reset MakeReset(const hub::Hub& hub, v1::Reset::Reason reason) {
  v1::Reset reset;
  reset.set_reason(reason);
  reset.set_oldest(hub.CursorAt(hub.history().bounds().floor));
  return reset;
}

v1::JobState WithCursor(const hub::Hub& hub, const jobs::Job& job) {
  v1::JobState state = jobs::FullState(job);
  state.set_cursor(hub.CursorAt(job.last));
  return state;
}

}  // namespace milepost::rpc
