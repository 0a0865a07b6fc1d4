// A producer with a service of the test's own: what is handed on, what is renewed, and how it goes away.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/cpp/producer.h"
#include "tests/support/fake_event_service.h"

namespace milepost::client {
namespace {

using ::testing::ElementsAre;
using test::FakeEventService;
using test::Log;
using test::ReadToTheEnd;
using Stream = test::PublishStream;

constexpr std::chrono::seconds kLimit{20};

v1::PublishStreamResponse Ask(uint64_t request) {
  v1::PublishStreamResponse response;
  response.add_commands()->set_request(request);
  response.mutable_commands(0)->set_job("job:1");
  response.mutable_commands(0)->set_action(v1::Control::CANCEL);
  return response;
}

TEST(ProducerTest, ARequestThatComesAgainAfterAReconnectIsHandedOnOnce) {
  Log asked;
  FakeEventService service({[](Stream* stream) {
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
  FakeEventService service({[&](Stream* stream) {
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
                     .on_lost = [&](const auto& lost) { told.Add(lost.job() + " " + std::to_string(lost.attempt())); }});
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
  FakeEventService service({[&](Stream* stream) {
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
  FakeEventService service({[&](Stream* stream) {
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
