#include "services/rpc/publish.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "milepost/v1/event_service.pb.h"
#include "proto/contract/canonical.h"
#include "services/rpc/digest.h"
#include "services/rpc/envelope.pb.h"
#include "services/rpc/validate.h"
#include "services/rpc/wire.h"

namespace milepost::rpc {
namespace {

absl::Status ValidateRequest(const envelope::PublishRequest& request) {
  const auto count = static_cast<size_t>(request.events_size());
  if (count == 0 || count > kMaxPublishEvents) {
    return absl::InvalidArgumentError(
        absl::StrCat("events: ", count, " events, 1 to ", kMaxPublishEvents, " are allowed in a call"));
  }
  const std::string& key = request.idempotency_key();
  if (request.has_idempotency_key() &&
      (key.empty() || key.size() > kMaxIdempotencyKeyBytes || !std::all_of(key.begin(), key.end(), absl::ascii_isprint))) {
    return absl::InvalidArgumentError(
        absl::StrCat("idempotency_key: must be 1 to ", kMaxIdempotencyKeyBytes, " printable ASCII characters"));
  }
  return absl::OkStatus();
}

void SetError(const absl::Status& status, v1::PublishResult* result) {
  result->mutable_error()->set_code(static_cast<int>(status.code()));
  result->mutable_error()->set_message(std::string(status.message()));
}

// One call on its way through the log.
struct Call {
  const Context* context;
  grpc::ServerUnaryReactor* reactor;
  grpc::ByteBuffer* response;
  v1::PublishResponse results;
  std::vector<int> places;  // of the appended records among the results
};

std::vector<log::Record> MakeRecords(const envelope::PublishRequest& request, Call* call) {
  std::vector<log::Record> records;
  Digest digest;
  for (int i = 0; i < request.events_size(); ++i) {
    v1::PublishResult* result = call->results.add_results();
    auto event = ParseEvent(request.events(i));
    if (request.has_idempotency_key()) digest.Add(event.ok() ? contract::Canonical(**event) : request.events(i));
    if (!event.ok()) {
      SetError(event.status(), result);
      continue;
    }
    call->places.push_back(i);
    records.push_back({.event = *std::move(event), .index = records.size(), .bytes = request.events(i).size()});
  }
  if (!request.has_idempotency_key()) return records;
  const auto key = std::make_shared<const log::IdempotencyKey>(
      log::IdempotencyKey{request.idempotency_key(), digest.Text(), records.size()});
  for (log::Record& record : records) record.idempotency = key;
  return records;
}

void Answer(Call& call, const std::vector<log::Outcome>& outcomes) {
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const log::Outcome& outcome = outcomes[i];
    // These are about the call, not about one of its events.
    if (absl::IsAlreadyExists(outcome.status) || absl::IsUnavailable(outcome.status)) {
      return call.reactor->Finish(ToGrpc(outcome.status));
    }
    v1::PublishResult* result = call.results.mutable_results(call.places[i]);
    if (!outcome.status.ok()) {
      SetError(outcome.status, result);
      continue;
    }
    result->set_seq(outcome.seq);
    result->set_cursor(call.context->hub->CursorAt(outcome.seq));
  }
  *call.response = Serialize(call.results);
  call.reactor->Finish(grpc::Status::OK);
}

}  // namespace

grpc::ServerUnaryReactor* HandlePublish(const Context* context, grpc::CallbackServerContext* call,
                                        const grpc::ByteBuffer& bytes, grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  envelope::PublishRequest request;
  absl::Status status = Parse(bytes, &request);
  if (status.ok()) status = ValidateRequest(request);
  if (!status.ok()) {
    reactor->Finish(ToGrpc(status));
    return reactor;
  }
  auto pending = std::make_shared<Call>(Call{context, reactor, response});
  std::vector<log::Record> records = MakeRecords(request, pending.get());
  if (records.empty()) {
    Answer(*pending, {});
  } else {
    context->log->Append(std::move(records), [pending](std::vector<log::Outcome> outcomes) { Answer(*pending, outcomes); });
  }
  return reactor;
}

}  // namespace milepost::rpc
