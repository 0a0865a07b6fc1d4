// Snapshots: what a reader is told of the jobs of its resources.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "milepost/v1/event_service.pb.h"
#include "services/hub/hub.h"
#include "services/jobs/job_view.h"

namespace milepost::rpc {

// Most encoded bytes of the jobs in one snapshot; what does not fit is left out, and `more` is said. The job that is called
// as the resource always fits.
inline constexpr size_t kMaxSnapshotBytes = 2 << 20;
// Most encoded bytes of all snapshots in one unary answer; those of any few resources fit.
inline constexpr size_t kMaxSnapshotsAnswerBytes = 12 << 20;

// The snapshots of resources, in order, all taken at one position of the head. They are made one by one, because all of
// them together may be large; what is held until then are the jobs as they stood. Used by one thread at a time; `hub` outlives it.
class Snapshots {
 public:
  // `now_nanos`: since the Unix epoch; decides what has ended lately.
  Snapshots(const hub::Hub& hub, std::vector<std::string> resources, int64_t now_nanos);

  uint64_t position() const { return position_; }
  bool done() const { return next_ == jobs_.resources().size(); }
  // That of the next resource. Not when done.
  v1::Snapshot Next();

 private:
  const hub::Hub& hub_;
  const int64_t now_nanos_;
  uint64_t position_ = 0;
  jobs::JobView jobs_;
  size_t next_ = 0;
};

}  // namespace milepost::rpc
