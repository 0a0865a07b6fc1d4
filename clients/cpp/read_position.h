// Where a reader stands in the log, over many streams.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "milepost/v1/event_service.pb.h"

namespace milepost::client {

// What a reader wants.
struct Subscription {
  // Names, or patterns "kind:*" and "kind:prefix*"; at most 4,096.
  std::vector<std::string> resources;
  // Where to go on: a cursor, "earliest" or "latest". Empty: see `last`.
  std::string cursor;
  // Without a cursor: begin with the newest so many events, 0 to 1,000, and with snapshots. Also after a reset.
  uint32_t last = 0;
  // Only events of these names, for example "step-progress". Empty: all.
  std::vector<std::string> types;
};

// What came together, in order: first the reset, then the snapshots, then the events.
struct Delivery {
  std::optional<v1::Reset> reset;  // what was known before is void
  std::vector<v1::Snapshot> snapshots;
  std::vector<v1::ProgressEvent> events;
};

// Is told what came and answers what to ask for next, so that every event is delivered once, whatever breaks in between.
// Not thread-safe.
class ReadPosition {
 public:
  explicit ReadPosition(Subscription wanted) : wanted_(std::move(wanted)), cursor_(wanted_.cursor) {}

  // Past events are to be read before the subscription goes on.
  bool NeedsRead() const { return cursor_.empty(); }
  v1::ReadRequest ReadRequest() const;
  v1::SubscribeRequest SubscribeRequest() const;

  Delivery OnRead(v1::ReadResponse response);
  // After a reset NeedsRead says whether the stream is of no more use.
  Delivery OnResponse(v1::SubscribeResponse response);

  // All events up to here were delivered. Empty: none yet.
  const std::string& cursor() const { return cursor_; }

 private:
  void Reset(const v1::Reset& reset, Delivery* delivery);
  void Take(google::protobuf::RepeatedPtrField<v1::ProgressEvent>* events, Delivery* delivery);

  const Subscription wanted_;
  std::string cursor_;
  uint64_t seq_ = 0;  // of the last event delivered
};

}  // namespace milepost::client
