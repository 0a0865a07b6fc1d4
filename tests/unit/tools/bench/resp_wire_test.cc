#include "tools/bench/producers/resp_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace milepost::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kAnswer[] = "$15\r\n1526919030474-0\r\n";

TEST(RespWireTest, SendsOneCommandForEachEvent) {
  RespWire wire({.key = "events", .event_bytes = 200});
  std::string out;
  wire.Send(std::vector<BenchEvent>{{1, 1, 5}, {1, 2, 5}}, out);
  EXPECT_THAT(out, StartsWith("*5\r\n$4\r\nXADD\r\n$6\r\nevents\r\n$1\r\n*\r\n$1\r\ne\r\n$"));
  EXPECT_THAT(out, HasSubstr("#2 @5"));
  EXPECT_NEAR(static_cast<double>(out.size()), 2 * (200 + 51), 8);
}

TEST(RespWireTest, CountsAnswersHoweverTheyAreCut) {
  RespWire wire({.key = "events"});
  std::string out;
  const std::string bytes = std::string(kAnswer) + kAnswer + kAnswer;
  for (const char c : bytes) ASSERT_TRUE(wire.Feed(absl::string_view(&c, 1), out).ok());
  EXPECT_EQ(wire.acked(), 3u);
  ASSERT_TRUE(wire.Feed(bytes, out).ok());
  EXPECT_EQ(wire.acked(), 6u);
  EXPECT_EQ(out, "");
}

TEST(RespWireTest, AnErrorIsFinalAndNamed) {
  RespWire wire({.key = "events"});
  std::string out;
  EXPECT_THAT(std::string(wire.Feed("-MISCONF disk is full\r\n", out).message()), HasSubstr("MISCONF disk is full"));
}

TEST(RespWireTest, WhatIsNoAnswerToXaddIsAnError) {
  for (const char* bytes : {"+OK\r\n", ":1\r\n", "$-1\r\n", "$5000\r\n"}) {
    RespWire wire({.key = "events"});
    std::string out;
    EXPECT_FALSE(wire.Feed(bytes, out).ok()) << bytes;
  }
}

}  // namespace
}  // namespace milepost::bench
