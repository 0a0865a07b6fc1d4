// Reads the state of jobs, and asks their workers for something.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "milepost/v1/job_service.grpc.pb.h"

namespace milepost::client {

struct JobClientOptions {
  // HOST:PORT of the event service.
  std::string address = "127.0.0.1:7070";
  // How long a call goes on trying while the service is away or full.
  std::chrono::milliseconds patience = std::chrono::seconds(10);
};

// The calls of JobService (contract: job_service.proto, which tells the status codes). Each blocks until it is
// answered; while the service is UNAVAILABLE or RESOURCE_EXHAUSTED it is repeated, with growing pauses, which is safe
// for all of them: a request that is still open is answered, not made twice. Thread-safe: immutable.
class JobClient {
 public:
  explicit JobClient(JobClientOptions options);

  absl::StatusOr<v1::JobState> Get(const std::string& job) const;
  // One page.
  absl::StatusOr<v1::ListJobsResponse> List(const v1::ListJobsRequest& request) const;
  absl::StatusOr<v1::ControlJobResponse> Control(const v1::ControlJobRequest& request) const;

 private:
  const JobClientOptions options_;
  const std::unique_ptr<v1::JobService::Stub> stub_;
};

}  // namespace milepost::client
