// JobServiceImpl: milepost.v1.JobService on gRPC's callback API.
#pragma once

#include "milepost/v1/job_service.grpc.pb.h"
#include "services/rpc/context.h"

namespace milepost::rpc {

inline constexpr int64_t kDefaultControlNanos = int64_t{60} * 1'000'000'000;        // a request's deadline if none is said
inline constexpr int64_t kMaxControlNanos = int64_t{24} * 3600 * 1'000'000'000;     // and how far off it may be
inline constexpr size_t kMaxReasonBytes = 1024;                                     // of a request
inline constexpr size_t kMaxListBytes = 2 << 20;  // of the jobs of one page; past it the page ends early

// All methods are raw, as EventServiceImpl's are.
using RawJobService = v1::JobService::WithRawCallbackMethod_GetJob<
    v1::JobService::WithRawCallbackMethod_ListJobs<v1::JobService::WithRawCallbackMethod_ControlJob<v1::JobService::Service>>>;

// Thread-safe: it holds nothing but the context, which outlives it.
class JobServiceImpl final : public RawJobService {
 public:
  explicit JobServiceImpl(const Context* context) : context_(context) {}

  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ControlJob(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;

 private:
  const Context* const context_;
};

}  // namespace milepost::rpc
