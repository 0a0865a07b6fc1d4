#include "clients/cpp/read_position.h"

#include <algorithm>
#include <utility>

namespace milepost::client {

v1::ReadRequest ReadPosition::ReadRequest() const {
  v1::ReadRequest request;
  for (const std::string& resource : wanted_.resources) request.add_resources(resource);
  for (const std::string& type : wanted_.types) request.add_types(type);
  if (wanted_.last > 0) request.set_last(wanted_.last);
  request.set_snapshot(true);
  return request;
}

v1::SubscribeRequest ReadPosition::SubscribeRequest() const {
  v1::SubscribeRequest request;
  for (const std::string& resource : wanted_.resources) request.add_resources(resource);
  for (const std::string& type : wanted_.types) request.add_types(type);
  request.set_cursor(cursor_);
  // Only used if the cursor cannot be honoured.
  request.set_snapshot(true);
  return request;
}

Delivery ReadPosition::OnRead(v1::ReadResponse response) {
  Delivery delivery;
  for (auto& snapshot : *response.mutable_snapshots()) delivery.snapshots.push_back(std::move(snapshot));
  Take(response.mutable_events(), &delivery);
  cursor_ = response.position();
  return delivery;
}

Delivery ReadPosition::OnResponse(v1::SubscribeResponse response) {
  Delivery delivery;
  if (response.has_reset()) Reset(response.reset(), &delivery);
  if (response.has_reset() && wanted_.last > 0) {
    // What the new log already holds is not on this stream: it is read, and snapshots with it.
    cursor_.clear();
    return delivery;
  }
  for (auto& snapshot : *response.mutable_snapshots()) delivery.snapshots.push_back(std::move(snapshot));
  Take(response.mutable_events(), &delivery);
  if (response.has_position()) cursor_ = response.position();
  return delivery;
}

// Another log counts from 1 again; one that only lost its oldest events goes on counting.
void ReadPosition::Reset(const v1::Reset& reset, Delivery* delivery) {
  if (reset.reason() != v1::Reset::EXPIRED) seq_ = 0;
  delivery->reset = reset;
}

void ReadPosition::Take(google::protobuf::RepeatedPtrField<v1::ProgressEvent>* events, Delivery* delivery) {
  for (auto& event : *events) {
    if (event.seq() <= seq_) continue;
    seq_ = event.seq();
    delivery->events.push_back(std::move(event));
  }
}

}  // namespace milepost::client
