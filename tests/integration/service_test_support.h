// What the tests of the event service share: a service in this process, and small clients.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "milepost/v1/event_service.grpc.pb.h"
#include "services/eventd/eventd.h"

namespace milepost::testing {

// Every wait in these tests ends in a failure after this.
inline constexpr std::chrono::seconds kTimeout{20};

inline void SetDeadline(grpc::ClientContext* context, std::chrono::milliseconds timeout = kTimeout) {
  context->set_deadline(std::chrono::system_clock::now() + timeout);
}

inline v1::ProgressEvent Notice(const std::string& job, const std::string& text) {
  v1::ProgressEvent event;
  event.set_job(job);
  event.mutable_notice()->set_text(text);
  return event;
}

inline v1::ProgressEvent Progress(const std::string& job, const std::string& step, double fraction) {
  v1::ProgressEvent event;
  event.set_job(job);
  event.mutable_progress()->set_step(step);
  event.mutable_progress()->set_fraction(fraction);
  return event;
}

// A service with the memory log on a port of its own.
class Service {
 public:
  explicit Service(eventd::Options options = {}) {
    options.listen = "127.0.0.1:0";
    options.drain = std::chrono::milliseconds(2000);
    eventd_ = std::make_unique<eventd::Eventd>(options);
    started_ = eventd_->Start();
  }

  bool ok() const { return started_.ok(); }
  eventd::Eventd& eventd() { return *eventd_; }
  hub::Hub& hub() { return eventd_->hub(); }
  void Stop() { eventd_->Stop(); }

  // A channel with a connection of its own.
  std::shared_ptr<grpc::Channel> NewChannel() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    return grpc::CreateCustomChannel(eventd_->address(), grpc::InsecureChannelCredentials(), arguments);
  }

  std::unique_ptr<v1::EventService::Stub> NewStub() const { return v1::EventService::NewStub(NewChannel()); }

 private:
  std::unique_ptr<eventd::Eventd> eventd_;
  absl::Status started_;
};

// Publishes, and fails the test unless the call passes.
v1::PublishResponse Publish(v1::EventService::Stub& stub, const std::vector<v1::ProgressEvent>& events);

// A running Subscribe call.
class Reader {
 public:
  Reader(v1::EventService::Stub& stub, const v1::SubscribeRequest& request);
  ~Reader();

  // The next message; false at the end of the stream.
  bool Next(v1::SubscribeResponse* response) { return stream_->Read(response); }

  // Collects events until there are `count`; fewer if the stream ends first.
  std::vector<v1::ProgressEvent> Events(size_t count);

  // The first message, which holds the subscription's id.
  const v1::SubscribeResponse& first() const { return first_; }
  // The newest position that was told.
  const std::string& position() const { return position_; }

  void Cancel() { context_.TryCancel(); }
  grpc::Status Finish() { return stream_->Finish(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::SubscribeResponse>> stream_;
  v1::SubscribeResponse first_;
  std::string position_;
};

// A running PublishStream call.
class Producer {
 public:
  explicit Producer(v1::EventService::Stub& stub) {
    SetDeadline(&context_);
    stream_ = stub.PublishStream(&context_);
  }
  // With hello; `acked` tells what it was answered with.
  Producer(v1::EventService::Stub& stub, const std::string& id);

  // `lease_s` of 0: the default.
  bool Hello(const std::string& id, int64_t lease_s = 0);
  bool Send(uint64_t first_number, const std::vector<v1::ProgressEvent>& events);
  bool Send(const v1::PublishStreamRequest& request) { return stream_->Write(request); }

  // Reads until all numbers up to `number` are acked, and gathers the rejections; false if the stream ends first.
  bool WaitAcked(uint64_t number);

  uint64_t acked() const { return acked_; }
  uint32_t credit() const { return credit_; }
  const std::vector<v1::PublishStreamResponse::Rejection>& rejections() const { return rejections_; }

  // Reads until so many commands have come; false if the stream ends first.
  bool WaitCommands(size_t count);
  const std::vector<v1::PublishStreamResponse::Command>& commands() const { return commands_; }
  const std::vector<v1::PublishStreamResponse::Lost>& lost() const { return lost_; }

  void Cancel() { context_.TryCancel(); }
  void WritesDone() { stream_->WritesDone(); }
  // Reads to the end.
  grpc::Status Finish();

 private:
  bool ReadReply();

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::PublishStreamRequest, v1::PublishStreamResponse>> stream_;
  uint64_t acked_ = 0;
  uint32_t credit_ = 0;
  bool any_ack_ = false;
  std::vector<v1::PublishStreamResponse::Rejection> rejections_;
  std::vector<v1::PublishStreamResponse::Command> commands_;
  std::vector<v1::PublishStreamResponse::Lost> lost_;
};

}  // namespace milepost::testing
