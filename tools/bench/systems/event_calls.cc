#include "tools/bench/systems/event_calls.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "milepost/v1/event_service.grpc.pb.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/producers/event_message.h"

namespace milepost::bench {
namespace {

constexpr size_t kMaxPublishEvents = 1000;
constexpr std::chrono::seconds kDeadline{30};

absl::Status Failed(absl::string_view call, const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), absl::StrCat(call, ": ", status.error_message()));
}

absl::string_view MessageOf(const v1::ProgressEvent& event) {
  return event.has_completed() ? event.completed().message() : event.progress().message();
}

// "<epoch>-<sequence>" of `event`, in the epoch of `position`.
std::string CursorAt(const v1::ProgressEvent& event, const std::string& position) {
  return absl::StrCat(position.substr(0, position.find('-')), "-", event.seq());
}

}  // namespace

struct EventCalls::Parts {
  std::unique_ptr<v1::EventService::Stub> stub;
};

EventCalls::EventCalls(const std::string& address) : parts_(std::make_unique<Parts>()) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  parts_->stub =
      v1::EventService::NewStub(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

EventCalls::~EventCalls() = default;

absl::StatusOr<std::vector<std::string>> EventCalls::Publish(absl::Span<const BenchEvent> events) {
  std::vector<std::string> cursors;
  while (!events.empty()) {
    const auto now = events.subspan(0, std::min(events.size(), kMaxPublishEvents));
    events.remove_prefix(now.size());
    v1::PublishRequest request;
    for (const BenchEvent& event : now) FillEvent(event, 0, *request.add_events());
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kDeadline);
    v1::PublishResponse response;
    const grpc::Status status = parts_->stub->Publish(&context, request, &response);
    if (!status.ok()) return Failed("Publish", status);
    for (const v1::PublishResult& result : response.results()) {
      if (result.has_error()) return absl::InternalError(absl::StrCat("Publish: ", result.error().message()));
      cursors.push_back(result.cursor());
    }
  }
  return cursors;
}

absl::StatusOr<ReadPage> EventCalls::Read(uint32_t job, const std::string& after, uint32_t last) {
  v1::ReadRequest request;
  request.add_resources(JobName(job));
  if (after.empty()) {
    request.set_last(last);
  } else {
    request.set_after(after);
  }
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
  v1::ReadResponse response;
  const int64_t start = MonotonicNanos();
  const grpc::Status status = parts_->stub->Read(&context, request, &response);
  ReadPage page;
  page.nanos = MonotonicNanos() - start;
  if (!status.ok()) return Failed("Read", status);
  if (response.has_reset()) return absl::DataLossError(absl::StrCat("Read: the cursor ", after, " was refused"));
  for (const v1::ProgressEvent& event : response.events()) {
    const std::optional<Mark> mark = FindMark(MessageOf(event));
    if (event.job() != JobName(job) || !mark || (page.events > 0 && mark->number != page.last_number + 1)) {
      return absl::DataLossError(absl::StrCat("Read of ", JobName(job), ": unexpected event ", event.seq()));
    }
    if (page.events == 0) {
      page.first_number = mark->number;
      page.first_cursor = CursorAt(event, response.position());
    }
    page.last_number = mark->number;
    ++page.events;
  }
  page.more = response.more();
  return page;
}

}  // namespace milepost::bench
