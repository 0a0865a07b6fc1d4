#include "edge/upstream/status.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "edge/feed/json.h"
#include "proto/contract/cursor.h"

namespace milepost::edge::upstream {

absl::Status FromGrpc(const grpc::Status& status) {
  // gRPC's own words for this name addresses inside and mean nothing to a browser.
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    return absl::UnavailableError("the event service is out of reach: try again");
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

absl::StatusOr<feed::PagePtr> ToPage(const v1::ReadResponse& response, feed::FrameCache& cache) {
  auto page = std::make_shared<feed::Page>();
  const auto position = contract::ParseCursor(response.position());
  if (!position) return absl::InternalError(absl::StrCat("position: the service sent no cursor"));
  page->position = *position;
  page->frames.reserve(response.events_size());
  for (const v1::ProgressEvent& event : response.events()) page->frames.push_back(cache.Get(event, position->epoch));
  for (const v1::Snapshot& snapshot : response.snapshots()) {
    feed::JobStanding own;
    for (const v1::JobState& job : snapshot.jobs()) {
      if (job.job() == snapshot.resource()) own = {feed::EndOf(job), job.attempt()};
    }
    for (std::string& json : feed::SnapshotFrames(snapshot)) {
      page->snapshots.push_back({snapshot.resource(), std::make_shared<const std::string>(std::move(json)), own});
    }
  }
  if (response.has_reset()) page->reset = response.reset();
  page->more = response.more();
  return feed::PagePtr(std::move(page));
}

}  // namespace milepost::edge::upstream
