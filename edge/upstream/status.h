// Where gRPC's values end: its statuses and answers as the rest of the edge knows them. Any thread.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "edge/feed/frame_cache.h"
#include "edge/feed/source.h"
#include "grpcpp/support/status.h"

namespace milepost::edge::upstream {

// The same code, and the same message but for UNAVAILABLE. `status` is not OK.
absl::Status FromGrpc(const grpc::Status& status);

// An answer to Read with its events and snapshots encoded. INTERNAL if its position is no cursor.
absl::StatusOr<feed::PagePtr> ToPage(const v1::ReadResponse& response, feed::FrameCache& cache);

}  // namespace milepost::edge::upstream
