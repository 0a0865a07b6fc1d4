#include "services/rpc/read.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "milepost/v1/event_service.pb.h"
#include "services/rpc/requests.h"
#include "services/rpc/snapshots.h"
#include "services/rpc/wire.h"

namespace milepost::rpc {
namespace {

// Looks at the history that one answer takes before it says `more`.
constexpr int kMaxLooks = 16;

struct Call {
  const Context* context;
  grpc::ServerUnaryReactor* reactor;
  grpc::ByteBuffer* response;
  v1::ReadRequest request;
  history::NameSet names;
  history::TypeSet types;
};

absl::Status CheckCount(absl::string_view field, uint32_t count) {
  if (count >= 1 && count <= history::kMaxPageEvents) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", count, " is out of range: 1 to ", history::kMaxPageEvents));
}

absl::Status Validate(const v1::ReadRequest& request) {
  if (request.resources().empty()) return absl::InvalidArgumentError("resources: is empty, at least 1 name is needed");
  if (request.has_after() && request.has_last()) {
    return absl::InvalidArgumentError("last: cannot go with after: choose one of the two");
  }
  if (request.has_limit()) {
    if (absl::Status status = CheckCount("limit", request.limit()); !status.ok()) return status;
  }
  return request.has_last() ? CheckCount("last", request.last()) : absl::OkStatus();
}

absl::Status Open(const grpc::ByteBuffer& bytes, Call* call) {
  v1::ReadRequest& request = call->request;
  if (absl::Status status = Parse(bytes, &request); !status.ok()) return status;
  const std::vector<std::string> names(request.resources().begin(), request.resources().end());
  if (absl::Status status = ValidateNames(names, kMaxRequestNames, "resources"); !status.ok()) return status;
  if (absl::Status status = Validate(request); !status.ok()) return status;
  auto types = ParseTypes(request.types());
  if (!types.ok()) return types.status();
  call->types = *std::move(types);
  for (const std::string& name : names) call->names.Add(name);
  return absl::OkStatus();
}

history::Query MakeQuery(const Call& call) {
  history::Query query{.names = &call.names, .types = &call.types};
  // Readers see what is published, and a position never lies past it.
  query.through = call.context->hub->head();
  if (call.request.has_through()) query.through = std::min(query.through, call.request.through());
  if (call.request.has_limit()) query.max_events = call.request.limit();
  return query;
}

// A page that looks on while there is nothing to show.
history::Page ReadPage(const history::History& history, history::Query query) {
  history::Page page = history.Read(query);
  for (int looks = 1; page.more && page.events.empty() && looks < kMaxLooks; ++looks) {
    query.after = page.position;
    page = history.Read(query);
  }
  return page;
}

absl::Status AddAll(Snapshots* snapshots, v1::ReadResponse* response) {
  size_t bytes = 0;
  while (!snapshots->done()) {
    v1::Snapshot& snapshot = *response->add_snapshots() = snapshots->Next();
    bytes += snapshot.ByteSizeLong();
    if (bytes > kMaxSnapshotsAnswerBytes) {
      return absl::ResourceExhaustedError(absl::StrCat("resources: their snapshots have more than ", kMaxSnapshotsAnswerBytes >> 20,
                                                       " MiB together: ask for fewer at once, or subscribe"));
    }
  }
  return absl::OkStatus();
}

void Answer(const Call& call) {
  const hub::Hub& hub = *call.context->hub;
  v1::ReadResponse response;
  uint64_t snapshots_at = 0;
  absl::Status added;
  const auto add_snapshots = [&] {
    Snapshots snapshots(hub, {call.request.resources().begin(), call.request.resources().end()}, call.context->clock());
    snapshots_at = snapshots.position();
    added = AddAll(&snapshots, &response);
  };
  // First, so that the events end where the snapshots were taken.
  if (call.request.snapshot()) add_snapshots();
  history::Query query = MakeQuery(call);
  if (call.request.snapshot()) query.through = std::min(query.through, snapshots_at);
  history::Page page;
  page.position = query.through;
  v1::Reset::Reason reset = v1::Reset::REASON_UNSPECIFIED;
  if (call.request.has_last()) {
    const auto before = hub.history().PositionBeforeLast(query, call.request.last());
    if (!before.ok()) return call.reactor->Finish(ToGrpc(before.status()));
    query.after = *before;
    page = ReadPage(hub.history(), query);
    if (page.expired) {  // retention went on in between: what is left is the newest there is
      query.after = page.floor;
      page = ReadPage(hub.history(), query);
    }
  } else if (call.request.has_after()) {
    const hub::Start start = hub.Resolve(call.request.after());
    query.after = start.position;
    reset = start.reset;
    if (reset == v1::Reset::REASON_UNSPECIFIED) page = ReadPage(hub.history(), query);
    if (page.expired) reset = v1::Reset::EXPIRED;
  }
  if (!page.status.ok()) return call.reactor->Finish(ToGrpc(page.status));
  if (reset != v1::Reset::REASON_UNSPECIFIED) {
    if (!call.request.snapshot()) add_snapshots();
    page = {.position = snapshots_at};
    *response.mutable_reset() = MakeReset(hub, reset);
  }
  if (!added.ok()) return call.reactor->Finish(ToGrpc(added));
  response.set_position(hub.CursorAt(page.position));
  if (page.more) response.set_more(true);
  *call.response = WithEvents(response, v1::ReadResponse::kEventsFieldNumber, page.events);
  call.reactor->Finish(grpc::Status::OK);
}

}  // namespace

grpc::ServerUnaryReactor* HandleRead(const Context* context, grpc::CallbackServerContext* server_call,
                                     const grpc::ByteBuffer& bytes, grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = server_call->DefaultReactor();
  auto call = std::make_shared<Call>(Call{.context = context, .reactor = reactor, .response = response});
  if (absl::Status status = Open(bytes, call.get()); !status.ok()) {
    reactor->Finish(ToGrpc(status));
    return reactor;
  }
  const uint64_t at_least = call->request.at_least();
  context->hub->WaitFor(at_least, context->clock() + kReadWaitNanos, [call, at_least](bool reached) {
    if (reached && call->context->read_pool != nullptr) return call->context->read_pool->Post([call] { Answer(*call); });
    if (reached) return Answer(*call);
    call->reactor->Finish(ToGrpc(absl::UnavailableError(
        absl::StrCat("at_least: the log has not reached ", at_least, " yet: try again"))));
  });
  return reactor;
}

}  // namespace milepost::rpc
