// Which origins are allowed what.
#include "edge/http/cors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace milepost::edge::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(CorsTest, NobodyIsAllowedAnythingUnlessTold) {
  for (const Cors& cors : {Cors(), *Cors::Parse("")}) {
    EXPECT_EQ(cors.Allow("https://app.example"), "");
    EXPECT_EQ(cors.Allow("null"), "");
    EXPECT_THAT(cors.Fields(""), IsEmpty());
  }
}

TEST(CorsTest, OriginsAreAllowedAsTheyAreWritten) {
  const Cors cors = *Cors::Parse("https://app.example,http://localhost:3000");
  EXPECT_EQ(cors.Allow("https://app.example"), "https://app.example");
  EXPECT_EQ(cors.Allow("http://localhost:3000"), "http://localhost:3000");
  for (const char* other : {"", "null", "*", "http://app.example", "https://app.example:8443", "https://app.example.evil.example",
                            "https://evil.example", "http://localhost", "https://app.example,http://localhost:3000"}) {
    EXPECT_EQ(cors.Allow(other), "") << other;
  }
  EXPECT_THAT(cors.Fields(""), ElementsAre(Pair("Vary", "Origin")));
  EXPECT_THAT(cors.Fields("https://app.example"),
              ElementsAre(Pair("Vary", "Origin"), Pair("Access-Control-Allow-Origin", "https://app.example"),
                          Pair("Access-Control-Expose-Headers", HasSubstr("Retry-After"))));
}

TEST(CorsTest, AStarAllowsAllAndTheAnswerIsTheSameForAll) {
  const Cors cors = *Cors::Parse("*");
  EXPECT_EQ(cors.Allow("https://anything.example"), "*");
  EXPECT_EQ(cors.Allow("null"), "*");
  EXPECT_EQ(cors.Allow(""), "");
  EXPECT_THAT(cors.Fields("*"), ElementsAre(Pair("Access-Control-Allow-Origin", "*"), Pair("Access-Control-Expose-Headers", testing::_)));
}

TEST(CorsTest, WhatIsNoOriginIsRefusedByName) {
  for (const char* bad : {"app.example", "https://", "://app.example", "https://app.example/", "https://App.example",
                          "https://app.example ,http://a.example", "https://a.example,", "https://a.example,*", "https://a b"}) {
    const auto cors = Cors::Parse(bad);
    ASSERT_FALSE(cors.ok()) << bad;
    EXPECT_THAT(std::string(cors.status().message()), HasSubstr("is no origin")) << bad;
  }
  EXPECT_TRUE(Cors::Parse("http://[::1]:3000").ok());
}

}  // namespace
}  // namespace milepost::edge::http
