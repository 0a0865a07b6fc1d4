// A producer with a service of the test's own: what is handed on, what is renewed, and how it goes away.
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "clients/cpp/producer.h"
#include "milepost/v1/event_service.grpc.pb.h"

namespace milepost::client {
namespace {

using ::testing::ElementsAre;
using Stream = grpc::ServerReaderWriter<v1::PublishStreamResponse, v1::PublishStreamRequest>;

constexpr std::chrono::seconds kLimit{20};

// Runs a script for each stream, the last one also for all that follow.
class FakeService final : public v1::EventService::Service {
 public:
  using Script = std::function<grpc::Status(Stream*)>;

  explicit FakeService(std::vector<Script> scripts) : scripts_(scripts.begin(), scripts.end()) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeService() { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  grpc::Status PublishStream(grpc::ServerContext*, Stream* stream) override {
    Script script;
    {
      std::lock_guard lock(mutex_);
      script = scripts_.front();
      if (scripts_.size() > 1) scripts_.pop_front();
    }
    v1::PublishStreamRequest hello;
    if (!stream->Read(&hello) || !hello.has_hello()) return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no hello");
    v1::PublishStreamResponse greeting;
    greeting.set_acked(0);
    stream->Write(greeting);
    return script(stream);
  }

  int port_ = 0;
  std::mutex mutex_;
  std::deque<Script> scripts_;  // guarded by mutex_
  std::unique_ptr<grpc::Server> server_;
};

// Things that happen on other threads, in order.
class Log {
 public:
  void Add(std::string what) {
    {
      std::lock_guard lock(mutex_);
      entries_.push_back(std::move(what));
    }
    changed_.notify_all();
  }
  // The first `count` entries, as soon as there are so many; fewer if the time is up.
  std::vector<std::string> Wait(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kLimit, [&] { return entries_.size() >= count; });
    return entries_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> entries_;
};

v1::PublishStreamResponse Ask(uint64_t request) {
  v1::PublishStreamResponse response;
  response.add_commands()->set_request(request);
  response.mutable_commands(0)->set_job("job:1");
  response.mutable_commands(0)->set_action(v1::Control::CANCEL);
  return response;
}

grpc::Status ReadToTheEnd(Stream* stream) {
  v1::PublishStreamRequest request;
  while (stream->Read(&request)) {
  }
  return grpc::Status::OK;
}

TEST(ProducerTest, ARequestThatComesAgainAfterAReconnectIsHandedOnOnce) {
  Log asked;
  FakeService service({[](Stream* stream) {
                         stream->Write(Ask(7));
                         return grpc::Status(grpc::StatusCode::UNAVAILABLE, "restarting");
                       },
                       [](Stream* stream) {
                         stream->Write(Ask(7));
                         stream->Write(Ask(9));
                         return ReadToTheEnd(stream);
                       }});
  Producer producer({.address = service.address(),
                     .on_command = [&](const auto& command) { asked.Add(std::to_string(command.request())); }});
  EXPECT_THAT(asked.Wait(2), ElementsAre("7", "9"));
}

TEST(ProducerTest, ALostJobIsToldBeforeItsEventsGoOn) {
  Log told, stored;
  FakeService service({[&](Stream* stream) {
    v1::PublishStreamResponse response;
    response.add_lost()->set_job("job:1");
    response.mutable_lost(0)->set_attempt(3);
    stream->Write(response);
    v1::PublishStreamRequest request;
    while (stream->Read(&request)) {
      for (const auto& event : request.batch().events()) stored.Add(std::to_string(event.attempt()));
    }
    return grpc::Status::OK;
  }});
  Producer producer({.address = service.address(),
                     .on_lost = [&](const std::string& job, uint32_t attempt) { told.Add(job + " " + std::to_string(attempt)); }});
  EXPECT_THAT(told.Wait(1), ElementsAre("job:1 3"));
  v1::ProgressEvent event;
  event.set_job("job:1");
  event.set_attempt(3);
  event.mutable_completed();
  producer.Publish(event);
  EXPECT_THAT(stored.Wait(1), ElementsAre("4"));
}

TEST(ProducerTest, TheLeaseIsRenewedWhileNothingIsPublished) {
  Log renewed;
  FakeService service({[&](Stream* stream) {
    v1::PublishStreamRequest request;
    while (stream->Read(&request)) renewed.Add(request.has_batch() && request.batch().events().empty() ? "empty" : "?");
    return grpc::Status::OK;
  }});
  Producer producer({.address = service.address(), .lease = std::chrono::milliseconds(60)});
  EXPECT_THAT(renewed.Wait(3), testing::Each("empty"));
  EXPECT_GE(renewed.Wait(3).size(), 3u);
}

TEST(ProducerTest, ACleanCloseEndsTheStreamFromItsSideAndDoesNotBreakIt) {
  Log ended;
  FakeService service({[&](Stream* stream) {
    v1::PublishStreamRequest request;
    uint64_t mark = 0;
    while (stream->Read(&request)) {
      mark += static_cast<uint64_t>(request.batch().events_size());
      v1::PublishStreamResponse response;
      response.set_acked(mark);
      stream->Write(response);
    }
    // A stream that was broken takes no more answers.
    v1::PublishStreamResponse last;
    last.set_acked(mark);
    ended.Add(stream->Write(last) ? "half-closed" : "broken");
    return grpc::Status::OK;
  }});
  Producer producer({.address = service.address()});
  v1::ProgressEvent event;
  event.set_job("job:1");
  event.mutable_completed();
  producer.Publish(event);
  const ProducerReport report = producer.Close(kLimit);
  EXPECT_EQ(report.acked, 1u);
  EXPECT_EQ(report.unsettled, 0u);
  EXPECT_THAT(ended.Wait(1), ElementsAre("half-closed"));
}

}  // namespace
}  // namespace milepost::client
