// What one event loop of the edge asks of the service, as an interface: implemented by edge/upstream, used by
// edge/http. All calls are made and all answers given on the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edge/feed/frame.h"
#include "edge/feed/job_end.h"
#include "milepost/v1/event_service.pb.h"
#include "milepost/v1/job_service.pb.h"
#include "proto/contract/cursor.h"

namespace milepost::edge::feed {

// The event loop as seen by rooms that know no sockets.
class LoopExecutor {
 public:
  virtual ~LoopExecutor() = default;
  // Runs `work` on the loop's thread, soon. Safe from any thread.
  virtual void Post(absl::AnyInvocable<void()> work) = 0;
  // Runs `work` on the loop's thread after `delay`, unless the loop ends before. Loop's thread only.
  virtual void After(absl::Duration delay, absl::AnyInvocable<void()> work) = 0;
};

// A read of past events (ReadRequest). Empty and zero mean absent.
struct ReadSpec {
  std::vector<std::string> resources;
  std::string after;
  uint64_t through = 0;
  uint64_t at_least = 0;
  uint32_t limit = 0;
  uint32_t last = 0;
  std::vector<std::string> types;
  bool snapshot = false;

  // Equal for reads that have the same answer.
  std::string Key() const;
};

// A frame of the snapshot of one resource; the others of that resource are its neighbours.
struct SnapshotFrame {
  std::string resource;
  std::shared_ptr<const std::string> json;  // the frame's data, one JSON object; shared, as it may be large
  JobStanding own = {};                     // of the job that is called as the resource
};

// A page of events. Shared by all who asked for the same; immutable.
struct Page {
  std::vector<FramePtr> frames;
  contract::Cursor position;
  std::vector<SnapshotFrame> snapshots;
  std::optional<v1::Reset> reset;
  bool more = false;
};
using PagePtr = std::shared_ptr<const Page>;

class Source {
 public:
  virtual ~Source() = default;

  using ReadDone = absl::AnyInvocable<void(absl::StatusOr<PagePtr>)>;
  // Reads a page. Equal reads that are under way together cost one call. UNAVAILABLE: try again.
  virtual void Read(ReadSpec spec, ReadDone done) = 0;

  using PublishDone = absl::AnyInvocable<void(absl::StatusOr<v1::PublishResponse>)>;
  // Publishes; see EventService.Publish for the status codes.
  virtual void Publish(v1::PublishRequest request, PublishDone done) = 0;

  // Jobs as they stand, and requests to their workers; see JobService for the status codes.
  using GetJobDone = absl::AnyInvocable<void(absl::StatusOr<v1::GetJobResponse>)>;
  virtual void GetJob(v1::GetJobRequest request, GetJobDone done) = 0;
  using ListJobsDone = absl::AnyInvocable<void(absl::StatusOr<v1::ListJobsResponse>)>;
  virtual void ListJobs(v1::ListJobsRequest request, ListJobsDone done) = 0;
  using ControlJobDone = absl::AnyInvocable<void(absl::StatusOr<v1::ControlJobResponse>)>;
  virtual void ControlJob(v1::ControlJobRequest request, ControlJobDone done) = 0;

  // The feeds want something else than the trunk carries: look at FeedTable::NextUpdate.
  virtual void FeedsChanged() = 0;

  // True while the trunk is open.
  virtual bool ready() const = 0;
};

}  // namespace milepost::edge::feed
