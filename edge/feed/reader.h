// What a feed table needs to know of those who read feeds.
#pragma once

#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "edge/feed/feed.h"
#include "milepost/v1/event_service.pb.h"

namespace milepost::edge::feed {

// A cursor over the feeds of its resources. Base of sessions and of waiting polls; used on the table's thread
// only. Inside the calls below a reader may leave the table and be destroyed; no other reader may.
class Reader {
 public:
  virtual ~Reader() = default;

  // Every feed is carried, at first or again after the trunk broke. Feeds may begin later than the reader's
  // place; then the reader reads what lies between from the service.
  virtual void OnJoined() = 0;
  // Feeds grew.
  virtual void OnEvents() = 0;
  // The service could not honour the trunk's position: all that was delivered is void.
  virtual void OnReset(v1::Reset::Reason reason, const std::string& oldest) = 0;

  // In the order of the request.
  const absl::InlinedVector<Feed*, 1>& feeds() const { return feeds_; }
  // True while every feed is carried. Only then may events be taken: a feed that is missing could hold an
  // earlier one.
  bool joined() const { return missing_ == 0; }

 private:
  friend class FeedTable;
  absl::InlinedVector<Feed*, 1> feeds_;
  uint32_t missing_ = 0;   // feeds that are not carried
  bool listed_ = false;   // is in the list of those to be called
};

}  // namespace milepost::edge::feed
