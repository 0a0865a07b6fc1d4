// The unary calls to the service's JobService.
#pragma once

#include <memory>

#include "edge/feed/source.h"
#include "edge/upstream/calls.h"
#include "milepost/v1/job_service.grpc.pb.h"

namespace milepost::edge::upstream {

// Used on the loop's thread; answers are given there too. What the service does not answer in time is
// DEADLINE_EXCEEDED; a service that is away is UNAVAILABLE at once.
class JobCalls {
 public:
  // `loop` and `calls` outlive every call: stop by Calls::CancelAll.
  JobCalls(const std::shared_ptr<grpc::Channel>& channel, feed::LoopExecutor& loop, Calls& calls);

  void Get(v1::GetJobRequest request, feed::Source::GetJobDone done);
  void List(v1::ListJobsRequest request, feed::Source::ListJobsDone done);
  void Control(v1::ControlJobRequest request, feed::Source::ControlJobDone done);

 private:
  std::unique_ptr<v1::JobService::Stub> stub_;
  feed::LoopExecutor& loop_;
  Calls& calls_;
};

}  // namespace milepost::edge::upstream
