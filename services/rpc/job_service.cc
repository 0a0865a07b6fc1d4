#include "services/rpc/job_service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/contract/resource.h"
#include "services/jobs/job_list.h"
#include "services/rpc/requests.h"
#include "services/rpc/wire.h"

namespace milepost::rpc {
namespace {

grpc::ServerUnaryReactor* Answer(grpc::ServerUnaryReactor* reactor, const absl::Status& status) {
  reactor->Finish(ToGrpc(status));
  return reactor;
}

absl::Status Unknown(const std::string& job) {
  return absl::NotFoundError(absl::StrCat("job: ", contract::Quoted(job), " is not known"));
}

absl::Status Get(const Context& context, const grpc::ByteBuffer& bytes, grpc::ByteBuffer* response) {
  v1::GetJobRequest request;
  if (absl::Status status = Parse(bytes, &request); !status.ok()) return status;
  if (absl::Status status = contract::ValidateResource(request.job(), "job"); !status.ok()) return status;
  const jobs::JobPtr job = context.hub->FindJob(request.job());
  if (job == nullptr) return Unknown(request.job());
  v1::GetJobResponse answer;
  *answer.mutable_job() = WithCursor(*context.hub, *job);
  *response = Serialize(answer);
  return absl::OkStatus();
}

absl::Status List(const Context& context, const grpc::ByteBuffer& bytes, grpc::ByteBuffer* response) {
  v1::ListJobsRequest request;
  if (absl::Status status = Parse(bytes, &request); !status.ok()) return status;
  if (absl::Status status = jobs::ValidateList(request); !status.ok()) return status;
  uint64_t position = 0;
  const std::vector<jobs::JobPtr> found =
      request.has_resource() ? context.hub->View({request.resource()}, &position).Jobs(0) : context.hub->AllJobs();
  jobs::JobPage page = jobs::ListPage(found, request);
  v1::ListJobsResponse answer;
  size_t size = 0;
  for (const jobs::JobPtr& job : page.jobs) {
    v1::JobState state = WithCursor(*context.hub, *job);
    size += state.ByteSizeLong();
    if (size > kMaxListBytes && answer.jobs_size() > 0) {
      page.next = jobs::PageToken(request, page.jobs[answer.jobs_size() - 1]->created);
      break;
    }
    *answer.add_jobs() = std::move(state);
  }
  if (!page.next.empty()) answer.set_next_page_token(page.next);
  *answer.mutable_counts() = std::move(page.counts);
  *response = Serialize(answer);
  return absl::OkStatus();
}

// Reads the deadline, or gives the default one.
absl::StatusOr<int64_t> DeadlineOf(const v1::ControlJobRequest& request, int64_t now) {
  if (!request.has_deadline()) return now + kDefaultControlNanos;
  const auto& time = request.deadline();
  // Compared by seconds first, because hostile ones do not fit into nanoseconds.
  const int64_t ahead = time.seconds() - now / 1'000'000'000;
  if (time.nanos() < 0 || time.nanos() > 999'999'999 || ahead < 0 || ahead > kMaxControlNanos / 1'000'000'000) {
    return absl::InvalidArgumentError("deadline: is out of range: from now to 24 h ahead");
  }
  const int64_t nanos = time.seconds() * 1'000'000'000 + time.nanos();
  if (nanos <= now) return absl::InvalidArgumentError("deadline: is in the past");
  return nanos;
}

// The REQUESTED event of a good request.
absl::StatusOr<std::unique_ptr<v1::ProgressEvent>> MakeRequest(const v1::ControlJobRequest& request, int64_t now) {
  if (absl::Status status = contract::ValidateResource(request.job(), "job"); !status.ok()) return status;
  if (!v1::Control::Action_IsValid(request.action()) || request.action() == v1::Control::ACTION_UNSPECIFIED) {
    return absl::InvalidArgumentError("action: is required: CANCEL, PAUSE, RESUME or RETRY");
  }
  if (request.reason().size() > kMaxReasonBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("reason: has ", request.reason().size(), " bytes, at most ", kMaxReasonBytes, " are allowed"));
  }
  const auto deadline = DeadlineOf(request, now);
  if (!deadline.ok()) return deadline.status();
  auto event = std::make_unique<v1::ProgressEvent>();
  event->set_job(request.job());
  v1::Control& control = *event->mutable_control();
  control.set_action(request.action());
  control.set_phase(v1::Control::REQUESTED);
  if (request.has_reason()) control.set_reason(request.reason());
  control.mutable_deadline()->set_seconds(*deadline / 1'000'000'000);
  control.mutable_deadline()->set_nanos(static_cast<int32_t>(*deadline % 1'000'000'000));
  return event;
}

void AnswerControl(const Context& context, const std::string& job_name, const log::Outcome& outcome,
                   grpc::ServerUnaryReactor* reactor, grpc::ByteBuffer* response) {
  if (!outcome.status.ok()) return reactor->Finish(ToGrpc(outcome.status));
  v1::ControlJobResponse answer;
  answer.set_job(job_name);
  answer.set_request(outcome.seq);
  answer.set_phase(v1::Control::REQUESTED);
  if (const jobs::JobPtr job = context.hub->FindJob(job_name)) {
    for (const jobs::Request& open : job->requests) {
      if (open.seq == outcome.seq) answer.set_phase(open.phase);
    }
  }
  *response = Serialize(answer);
  reactor->Finish(grpc::Status::OK);
}

}  // namespace

grpc::ServerUnaryReactor* JobServiceImpl::GetJob(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) {
  return Answer(call->DefaultReactor(), Get(*context_, *request, response));
}

grpc::ServerUnaryReactor* JobServiceImpl::ListJobs(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  return Answer(call->DefaultReactor(), List(*context_, *request, response));
}

// Whether the job allows it is the fold's to say, when the request has its place in the log.
grpc::ServerUnaryReactor* JobServiceImpl::ControlJob(grpc::CallbackServerContext* call, const grpc::ByteBuffer* bytes,
                                                     grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  v1::ControlJobRequest request;
  if (absl::Status status = Parse(*bytes, &request); !status.ok()) return Answer(reactor, status);
  auto event = MakeRequest(request, context_->clock());
  if (!event.ok()) return Answer(reactor, event.status());
  if (context_->hub->FindJob(request.job()) == nullptr) return Answer(reactor, Unknown(request.job()));
  std::vector<log::Record> records(1);
  records[0].event = *std::move(event);
  records[0].bytes = bytes->Length();
  context_->log->Append(std::move(records), [context = context_, job = request.job(), reactor,
                                             response](std::vector<log::Outcome> outcomes) {
    AnswerControl(*context, job, outcomes.at(0), reactor, response);
  });
  return reactor;
}

}  // namespace milepost::rpc
