// A service of a test's own that takes producers' streams, and a place to note what happens on other threads.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "milepost/v1/event_service.grpc.pb.h"

namespace milepost::test {

using PublishStream = grpc::ServerReaderWriter<v1::PublishStreamResponse, v1::PublishStreamRequest>;

// Answers the hello of each stream, then runs a script on it, the last one also for all that follow. Streams
// break when it ends; a script that does not notice holds it up.
class FakeEventService final : public v1::EventService::Service {
 public:
  using Script = std::function<grpc::Status(test::PublishStream*)>;

  explicit FakeEventService(std::vector<Script> scripts) : scripts_(scripts.begin(), scripts.end()) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeEventService() { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  grpc::Status PublishStream(grpc::ServerContext*, test::PublishStream* stream) override {
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
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return entries_.size() >= count; });
    return entries_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> entries_;
};

// Everything that is left of a stream.
inline grpc::Status ReadToTheEnd(PublishStream* stream) {
  v1::PublishStreamRequest request;
  while (stream->Read(&request)) {
  }
  return grpc::Status::OK;
}

}  // namespace milepost::test
