#include "services/rpc/update_subscription.h"

#include <string>
#include <vector>

#include "milepost/v1/event_service.pb.h"
#include "services/rpc/wire.h"

namespace milepost::rpc {
namespace {

absl::Status Update(const Context& context, const grpc::ByteBuffer& bytes) {
  v1::UpdateSubscriptionRequest request;
  if (absl::Status status = Parse(bytes, &request); !status.ok()) return status;
  if (request.revision() == 0) return absl::InvalidArgumentError("revision: is 0: revisions count from 1");
  const std::vector<std::string> add(request.add().begin(), request.add().end());
  const std::vector<std::string> remove(request.remove().begin(), request.remove().end());
  if (absl::Status status = ValidateNames(add, kMaxRequestNames, "add"); !status.ok()) return status;
  if (absl::Status status = ValidateNames(remove, kMaxRequestNames, "remove"); !status.ok()) return status;
  return context.hub->Update(request.subscription_id(), request.revision(), add, remove);
}

}  // namespace

grpc::ServerUnaryReactor* HandleUpdateSubscription(const Context* context, grpc::CallbackServerContext* call,
                                                   const grpc::ByteBuffer& request, grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  *response = Serialize(v1::UpdateSubscriptionResponse());
  reactor->Finish(ToGrpc(Update(*context, request)));
  return reactor;
}

}  // namespace milepost::rpc
