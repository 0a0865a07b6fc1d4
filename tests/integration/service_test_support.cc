#include "tests/integration/service_test_support.h"

#include <gtest/gtest.h>

namespace milepost::testing {

v1::PublishResponse Publish(v1::EventService::Stub& stub, const std::vector<v1::ProgressEvent>& events) {
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::PublishRequest request;
  for (const auto& event : events) *request.add_events() = event;
  v1::PublishResponse response;
  const grpc::Status status = stub.Publish(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

Reader::Reader(v1::EventService::Stub& stub, const v1::SubscribeRequest& request) {
  SetDeadline(&context_);
  stream_ = stub.Subscribe(&context_, request);
  if (stream_->Read(&first_)) position_ = first_.position();
}

Reader::~Reader() { context_.TryCancel(); }

std::vector<v1::ProgressEvent> Reader::Events(size_t count) {
  std::vector<v1::ProgressEvent> events;
  v1::SubscribeResponse response;
  while (events.size() < count && Next(&response)) {
    position_ = response.position();
    events.insert(events.end(), response.events().begin(), response.events().end());
  }
  return events;
}

Producer::Producer(v1::EventService::Stub& stub, const std::string& id) : Producer(stub) {
  if (Hello(id)) WaitAcked(0);
}

bool Producer::Hello(const std::string& id, int64_t lease_s) {
  v1::PublishStreamRequest request;
  request.mutable_hello()->set_producer_id(id);
  if (lease_s > 0) request.mutable_hello()->mutable_lease()->set_seconds(lease_s);
  return Send(request);
}

bool Producer::Send(uint64_t first_number, const std::vector<v1::ProgressEvent>& events) {
  v1::PublishStreamRequest request;
  request.mutable_batch()->set_first_number(first_number);
  for (const auto& event : events) *request.mutable_batch()->add_events() = event;
  return Send(request);
}

bool Producer::ReadReply() {
  v1::PublishStreamResponse reply;
  if (!stream_->Read(&reply)) return false;
  if (reply.has_acked()) {
    any_ack_ = true;
    acked_ = reply.acked();
  }
  if (reply.has_credit()) credit_ = reply.credit();
  rejections_.insert(rejections_.end(), reply.rejections().begin(), reply.rejections().end());
  commands_.insert(commands_.end(), reply.commands().begin(), reply.commands().end());
  lost_.insert(lost_.end(), reply.lost().begin(), reply.lost().end());
  return true;
}

bool Producer::WaitCommands(size_t count) {
  while (commands_.size() < count) {
    if (!ReadReply()) return false;
  }
  return true;
}

bool Producer::WaitAcked(uint64_t number) {
  while (!any_ack_ || acked_ < number) {
    if (!ReadReply()) return false;
  }
  return true;
}

grpc::Status Producer::Finish() {
  while (ReadReply()) {
  }
  return stream_->Finish();
}

}  // namespace milepost::testing
