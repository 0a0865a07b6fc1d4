// The event service over gRPC, as its clients use it.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/service_test_support.h"

namespace milepost::testing {
namespace {

using ::testing::HasSubstr;

const std::string kProducer(32, 'a');

TEST(ServiceTest, PublishedEventsReachSubscribersOfJobAndStickyResourcesInOrder) {
  Service service;
  ASSERT_TRUE(service.ok());
  auto stub = service.NewStub();
  v1::SubscribeRequest request;
  request.add_resources("job:1");
  request.add_resources("user:*");
  request.set_snapshot(true);
  Reader reader(*stub, request);
  ASSERT_EQ(reader.first().subscription_id().size(), 32u);
  ASSERT_EQ(reader.first().snapshots_size(), 2);
  EXPECT_EQ(reader.first().snapshots(0).cursor(), reader.first().position());

  v1::ProgressEvent first = Progress("job:1", "tts", 0.5);
  first.add_resources("user:7");
  v1::ProgressEvent none;
  none.set_job("job:1");
  const auto results = Publish(*stub, {first, none, Notice("job:1", "hi"), Notice("job:2", "not carried")});
  ASSERT_EQ(results.results_size(), 4);
  EXPECT_EQ(results.results(0).seq(), 1u);
  EXPECT_EQ(results.results(1).error().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(results.results(1).error().message(), HasSubstr("event: has no kind"));
  EXPECT_EQ(results.results(2).seq(), 2u);

  const auto events = reader.Events(2);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].seq(), 1u);
  EXPECT_EQ(events[0].progress().fraction(), 0.5);
  EXPECT_TRUE(events[0].has_commit_time());
  EXPECT_EQ(events[1].seq(), 2u);
  ASSERT_EQ(events[1].resources_size(), 1) << "resources are sticky";
  EXPECT_EQ(events[1].resources(0), "user:7");
}

TEST(ServiceTest, StreamAcksCumulativelyAndRejectsOneEventByItself) {
  Service service;
  ASSERT_TRUE(service.ok());
  auto stub = service.NewStub();
  Producer producer(*stub, kProducer);
  EXPECT_EQ(producer.acked(), 0u);
  EXPECT_EQ(producer.credit(), 1024u);
  ASSERT_TRUE(producer.Send(1, {Notice("job:1", "a"), Notice("no resource", "b"), Notice("job:1", "c")}));
  ASSERT_TRUE(producer.WaitAcked(3));
  ASSERT_EQ(producer.rejections().size(), 1u);
  EXPECT_EQ(producer.rejections()[0].number(), 2u);
  EXPECT_EQ(producer.rejections()[0].code(), grpc::StatusCode::INVALID_ARGUMENT);
  producer.WritesDone();
  EXPECT_TRUE(producer.Finish().ok());
}

TEST(ServiceTest, ReadGivesPagesAndTheNewest) {
  Service service;
  ASSERT_TRUE(service.ok());
  auto stub = service.NewStub();
  Publish(*stub, {Notice("job:1", "a"), Notice("job:2", "b"), Notice("job:1", "c")});
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::ReadRequest request;
  request.add_resources("job:1");
  request.set_after("earliest");
  v1::ReadResponse page;
  ASSERT_TRUE(stub->Read(&context, request, &page).ok());
  ASSERT_EQ(page.events_size(), 2);
  EXPECT_EQ(page.events(1).seq(), 3u);
  EXPECT_FALSE(page.more());

  grpc::ClientContext again;
  SetDeadline(&again);
  request.clear_after();
  request.set_last(1);
  ASSERT_TRUE(stub->Read(&again, request, &page).ok());
  ASSERT_EQ(page.events_size(), 1);
  EXPECT_EQ(page.events(0).seq(), 3u);
}

TEST(ServiceTest, UpdateIsAppliedInBandAndCompleteFromThere) {
  Service service;
  ASSERT_TRUE(service.ok());
  auto stub = service.NewStub();
  Reader reader(*stub, {});
  Publish(*stub, {Notice("job:1", "before")});
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::UpdateSubscriptionRequest update;
  update.set_subscription_id(reader.first().subscription_id());
  update.set_revision(1);
  update.add_add("job:1");
  v1::UpdateSubscriptionResponse none;
  ASSERT_TRUE(stub->UpdateSubscription(&context, update, &none).ok());
  v1::SubscribeResponse response;
  do {
    ASSERT_TRUE(reader.Next(&response));
  } while (response.applied().empty());
  EXPECT_EQ(response.applied(0).revision(), 1u);
  EXPECT_EQ(response.applied(0).from(), 2u);
  Publish(*stub, {Notice("job:1", "after")});
  const auto events = reader.Events(1);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].seq(), 2u);
}

TEST(ServiceTest, StopEndsStreamsWithUnavailable) {
  Service service;
  ASSERT_TRUE(service.ok());
  auto stub = service.NewStub();
  v1::SubscribeRequest request;
  request.add_resources("job:1");
  Reader reader(*stub, request);
  Producer producer(*stub, kProducer);
  service.Stop();
  v1::SubscribeResponse response;
  while (reader.Next(&response)) {
  }
  EXPECT_EQ(reader.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(producer.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace milepost::testing
