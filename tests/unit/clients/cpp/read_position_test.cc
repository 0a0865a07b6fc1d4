// Where a reader goes on after whatever broke.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/cpp/read_position.h"

namespace milepost::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::SubscribeResponse Response(std::vector<uint64_t> seqs, std::string position = "") {
  v1::SubscribeResponse response;
  for (const uint64_t seq : seqs) response.add_events()->set_seq(seq);
  if (!position.empty()) response.set_position(position);
  return response;
}

std::vector<uint64_t> Seqs(const Delivery& delivery) {
  std::vector<uint64_t> seqs;
  for (const auto& event : delivery.events) seqs.push_back(event.seq());
  return seqs;
}

TEST(ReadPositionTest, WithACursorItSubscribesFromThereAndGoesOnFromTheLastPosition) {
  ReadPosition position({.resources = {"job:1"}, .cursor = "aaaaaaaa-5"});
  EXPECT_FALSE(position.NeedsRead());
  EXPECT_EQ(position.SubscribeRequest().cursor(), "aaaaaaaa-5");
  EXPECT_THAT(Seqs(position.OnResponse(Response({6, 8}, "aaaaaaaa-9"))), ElementsAre(6, 8));
  EXPECT_EQ(position.SubscribeRequest().cursor(), "aaaaaaaa-9");
}

TEST(ReadPositionTest, WhatComesAgainIsNotDeliveredAgain) {
  ReadPosition position({.resources = {"job:1"}, .cursor = "earliest"});
  position.OnResponse(Response({1, 2, 3}));
  EXPECT_EQ(position.SubscribeRequest().cursor(), "earliest");  // no position came before the stream broke
  EXPECT_THAT(Seqs(position.OnResponse(Response({1, 2, 3, 4}))), ElementsAre(4));
}

TEST(ReadPositionTest, WithoutACursorItReadsTheNewestEventsFirst) {
  ReadPosition position({.resources = {"job:1"}, .last = 10, .types = {"notice"}});
  ASSERT_TRUE(position.NeedsRead());
  EXPECT_EQ(position.ReadRequest().last(), 10u);
  EXPECT_EQ(position.ReadRequest().types(0), "notice");
  v1::ReadResponse response;
  response.add_events()->set_seq(7);
  response.add_snapshots()->set_resource("job:1");
  response.set_position("aaaaaaaa-7");
  const Delivery delivery = position.OnRead(response);
  EXPECT_THAT(Seqs(delivery), ElementsAre(7));
  EXPECT_EQ(delivery.snapshots.size(), 1u);
  EXPECT_FALSE(position.NeedsRead());
  EXPECT_THAT(Seqs(position.OnResponse(Response({7, 8}, "aaaaaaaa-8"))), ElementsAre(8));
}

TEST(ReadPositionTest, AnotherLogIsReadFromItsBeginningAgain) {
  ReadPosition position({.resources = {"job:1"}, .last = 10});
  v1::ReadResponse read;
  read.add_events()->set_seq(700);
  read.set_position("aaaaaaaa-700");
  position.OnRead(read);
  v1::SubscribeResponse response = Response({}, "bbbbbbbb-3");
  response.mutable_reset()->set_reason(v1::Reset::EPOCH);
  response.add_snapshots()->add_jobs()->set_state(v1::JobState::COMPLETED);
  const Delivery reset = position.OnResponse(response);
  EXPECT_TRUE(reset.reset.has_value());
  // They come again, with the events that lead up to them.
  EXPECT_THAT(reset.snapshots, IsEmpty());
  ASSERT_TRUE(position.NeedsRead());
  v1::ReadResponse again;
  for (const uint64_t seq : {1, 2, 3}) again.add_events()->set_seq(seq);
  again.set_position("bbbbbbbb-3");
  EXPECT_THAT(Seqs(position.OnRead(again)), ElementsAre(1, 2, 3));
}

TEST(ReadPositionTest, ALogThatLostItsOldestEventsRepeatsNone) {
  ReadPosition position({.resources = {"job:1"}, .last = 10});
  v1::ReadResponse read;
  read.add_events()->set_seq(5);
  read.set_position("aaaaaaaa-5");
  position.OnRead(read);
  v1::SubscribeResponse response;
  response.mutable_reset()->set_reason(v1::Reset::EXPIRED);
  position.OnResponse(response);
  v1::ReadResponse again;
  again.add_events()->set_seq(5);
  again.set_position("aaaaaaaa-90");
  EXPECT_THAT(Seqs(position.OnRead(again)), IsEmpty());
}

TEST(ReadPositionTest, WithoutOldEventsAResetIsFollowedByTheSnapshotsOfTheStream) {
  ReadPosition position({.resources = {"job:1"}, .cursor = "aaaaaaaa-5"});
  v1::SubscribeResponse response = Response({}, "bbbbbbbb-3");
  response.mutable_reset()->set_reason(v1::Reset::EPOCH);
  response.add_snapshots();
  EXPECT_EQ(position.OnResponse(response).snapshots.size(), 1u);
  EXPECT_FALSE(position.NeedsRead());
  EXPECT_THAT(Seqs(position.OnResponse(Response({4}))), ElementsAre(4));
}

}  // namespace
}  // namespace milepost::client
