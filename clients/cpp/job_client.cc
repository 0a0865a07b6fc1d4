#include "clients/cpp/job_client.h"

#include <thread>
#include <utility>

#include "clients/cpp/backoff.h"
#include "clients/cpp/channel.h"
#include "clients/cpp/random.h"

namespace milepost::client {
namespace {

constexpr std::chrono::seconds kCallTimeout{10};

bool MayComeBack(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) || absl::IsDeadlineExceeded(status);
}

template <typename Response, typename Call>
absl::StatusOr<Response> Ask(std::chrono::milliseconds patience, const Call& call) {
  const auto until = std::chrono::steady_clock::now() + patience;
  Backoff backoff(RandomFraction);
  for (;;) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
    Response response;
    const absl::Status status = ToAbsl(call(&context, &response));
    if (status.ok()) return response;
    const auto pause = backoff.Next();
    if (!MayComeBack(status) || std::chrono::steady_clock::now() + pause >= until) return status;
    std::this_thread::sleep_for(pause);  // paces the calls: nothing tells when the service has room again
  }
}

}  // namespace

JobClient::JobClient(JobClientOptions options)
    : options_(std::move(options)), stub_(v1::JobService::NewStub(NewChannel(options_.address))) {}

absl::StatusOr<v1::JobState> JobClient::Get(const std::string& job) const {
  v1::GetJobRequest request;
  request.set_job(job);
  auto response = Ask<v1::GetJobResponse>(
      options_.patience, [&](auto* context, auto* answer) { return stub_->GetJob(context, request, answer); });
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_job());
}

absl::StatusOr<v1::ListJobsResponse> JobClient::List(const v1::ListJobsRequest& request) const {
  return Ask<v1::ListJobsResponse>(
      options_.patience, [&](auto* context, auto* answer) { return stub_->ListJobs(context, request, answer); });
}

absl::StatusOr<v1::ControlJobResponse> JobClient::Control(const v1::ControlJobRequest& request) const {
  return Ask<v1::ControlJobResponse>(
      options_.patience, [&](auto* context, auto* answer) { return stub_->ControlJob(context, request, answer); });
}

}  // namespace milepost::client
