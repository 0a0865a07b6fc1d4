#include "edge/upstream/job_calls.h"

#include <chrono>
#include <functional>
#include <utility>

#include "edge/upstream/status.h"

namespace milepost::edge::upstream {
namespace {

constexpr auto kDeadline = std::chrono::seconds(10);

// Everything of a call that has to live until its callback.
template <typename Request, typename Response>
struct Call {
  Request request;
  Response response;
  absl::AnyInvocable<void(absl::StatusOr<Response>)> done;
};

using Async = v1::JobService::StubInterface::async_interface;
template <typename Request, typename Response>
using Method = void (Async::*)(grpc::ClientContext*, const Request*, Response*, std::function<void(grpc::Status)>);

template <typename Request, typename Response>
void Start(Async* stub, Method<Request, Response> method, Request request,
           absl::AnyInvocable<void(absl::StatusOr<Response>)> done, feed::LoopExecutor& loop, Calls& calls) {
  auto call = std::make_shared<Call<Request, Response>>();
  call->request = std::move(request);
  call->done = std::move(done);
  grpc::ClientContext* const context = calls.Begin();
  context->set_deadline(std::chrono::system_clock::now() + kDeadline);
  (stub->*method)(context, &call->request, &call->response, [call, context, &loop, &calls](grpc::Status status) {
    loop.Post([call, status] {
      if (status.ok()) {
        call->done(std::move(call->response));
      } else {
        call->done(FromGrpc(status));
      }
    });
    calls.End(context);
  });
}

}  // namespace

JobCalls::JobCalls(const std::shared_ptr<grpc::Channel>& channel, feed::LoopExecutor& loop, Calls& calls)
    : stub_(v1::JobService::NewStub(channel)), loop_(loop), calls_(calls) {}

void JobCalls::Get(v1::GetJobRequest request, feed::Source::GetJobDone done) {
  const Method<v1::GetJobRequest, v1::GetJobResponse> method = &Async::GetJob;
  Start(stub_->async(), method, std::move(request), std::move(done), loop_, calls_);
}

void JobCalls::List(v1::ListJobsRequest request, feed::Source::ListJobsDone done) {
  const Method<v1::ListJobsRequest, v1::ListJobsResponse> method = &Async::ListJobs;
  Start(stub_->async(), method, std::move(request), std::move(done), loop_, calls_);
}

void JobCalls::Control(v1::ControlJobRequest request, feed::Source::ControlJobDone done) {
  const Method<v1::ControlJobRequest, v1::ControlJobResponse> method = &Async::ControlJob;
  Start(stub_->async(), method, std::move(request), std::move(done), loop_, calls_);
}

}  // namespace milepost::edge::upstream
