// The grammar of names and cursors, at each limit and one past it.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/contract/cursor.h"
#include "proto/contract/event_name.h"
#include "proto/contract/pattern_index.h"
#include "proto/contract/resource.h"

namespace milepost::contract {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST(ResourceTest, AcceptsNamesUpToTheLimits) {
  for (const std::string& name :
       {std::string("job:42"), std::string("a:~"), "k" + std::string(31, '-') + ":" + std::string(128, 'Z'),
        std::string("user_x-1:a.B_c~d-9")}) {
    EXPECT_TRUE(ValidateResource(name, "job").ok()) << name;
  }
}

TEST(ResourceTest, RefusesNamesPastTheLimitsAndSaysWhichFieldAndRule) {
  for (const std::string& name :
       {std::string(""), std::string("job"), std::string("job:"), std::string(":1"), std::string("Job:1"),
        std::string("1job:1"), "k" + std::string(32, '-') + ":1", "job:" + std::string(129, 'Z'),
        std::string("job:a b"), std::string("job:a\n"), std::string("job:a\0", 6), std::string("job:ä"),
        std::string("job:*"), std::string("job:a*"), std::string("job:a:b"), std::string("job:a/b")}) {
    const absl::Status status = ValidateResource(name, "resources[3]");
    ASSERT_FALSE(status.ok()) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("resources[3]: ")) << name;
  }
}

TEST(ResourceTest, PatternsAreAStarAtTheEndAndNothingElse) {
  for (const char* good : {"job:*", "job:acme.*", "job:42"}) {
    EXPECT_TRUE(ValidateResourceOrPattern(good, "r").ok()) << good;
  }
  for (const char* bad : {"*", "*:1", "job*", "job:**", "job:*a", "j*b:1"}) {
    EXPECT_FALSE(ValidateResourceOrPattern(bad, "r").ok()) << bad;
  }
}

TEST(ResourceTest, CoversIsExactForNamesAndByPrefixForPatterns) {
  EXPECT_TRUE(Covers("job:42", "job:42"));
  EXPECT_FALSE(Covers("job:4", "job:42"));
  EXPECT_TRUE(Covers("job:*", "job:42"));
  EXPECT_FALSE(Covers("job:*", "jobs:42"));
  EXPECT_TRUE(Covers("job:4*", "job:42"));
  EXPECT_TRUE(Covers("job:42*", "job:42"));
  EXPECT_FALSE(Covers("job:42*", "job:4"));
}

TEST(ResourceTest, QuotedIsShortAndPrintable) {
  EXPECT_EQ(Quoted("a\nb\"c"), "\"a\\nb\\\"c\"");
  EXPECT_EQ(Quoted(std::string(65, 'x')), "\"" + std::string(64, 'x') + "\"…");
}

TEST(CursorTest, ParsesExactlyWhatFormatWrites) {
  const std::vector<Cursor> cursors = {{"abcd1234", 0}, {"abcd1234", 7}, {"zzzzzzzz", 18446744073709551615u}};
  for (const Cursor& cursor : cursors) {
    EXPECT_EQ(ParseCursor(FormatCursor(cursor)), cursor);
    EXPECT_LE(FormatCursor(cursor).size(), kMaxCursorBytes);
  }
  for (const char* bad : {"", "abcd1234", "abcd1234-", "abcd123-5", "abcd12345-5", "ABCD1234-5", "abcd1234-05",
                          "abcd1234--5", "abcd1234-5 ", "abcd1234-18446744073709551616", "earliest",
                          "abcd1234-11111111111111111111111111"}) {
    EXPECT_EQ(ParseCursor(bad), std::nullopt) << bad;
  }
}

TEST(EventNameTest, EveryKindHasItsName) {
  v1::ProgressEvent event;
  EXPECT_EQ(EventName(event), "unknown");
  event.mutable_status();
  EXPECT_EQ(EventName(event), "job-status");
  event.mutable_step();
  EXPECT_EQ(EventName(event), "step-status");
  event.mutable_progress();
  EXPECT_EQ(EventName(event), "step-progress");
  event.mutable_notice();
  EXPECT_EQ(EventName(event), "notice");
  event.mutable_notice()->set_severity(v1::Notice::WARNING);
  EXPECT_EQ(EventName(event), "warning");
  event.mutable_notice()->set_severity(v1::Notice::ERROR);
  EXPECT_EQ(EventName(event), "job-error");
  event.mutable_output();
  EXPECT_EQ(EventName(event), "output");
  event.mutable_completed();
  EXPECT_EQ(EventName(event), "job-completed");
  event.mutable_failed();
  EXPECT_EQ(EventName(event), "job-failed");
  event.mutable_cancelled();
  EXPECT_EQ(EventName(event), "job-cancelled");
  event.mutable_control();
  EXPECT_EQ(EventName(event), "job-control");
  event.mutable_custom()->set_name("tip-of-the-day");
  EXPECT_EQ(EventName(event), "tip-of-the-day");
}

TEST(EventNameTest, CustomsMayNotTakeNamesThatMeanSomethingElse) {
  EXPECT_TRUE(ValidateCustomName("a" + std::string(63, '-'), "custom.name").ok());
  for (const std::string& bad : {std::string("message"), std::string("error"), std::string("open"),
                                 std::string("snapshot"), std::string("job-status"), std::string("heartbeat"),
                                 std::string("unknown"), std::string(""), std::string("A"), std::string("a_b"),
                                 "a" + std::string(64, '-'), std::string("a\nid: 1")}) {
    EXPECT_FALSE(ValidateCustomName(bad, "custom.name").ok()) << bad;
  }
}

TEST(PatternIndexTest, FindsTheNameAndEveryCoveringPattern) {
  PatternIndex<std::string> index;
  for (const char* name : {"job:42", "job:*", "job:4*", "job:42*", "job:43*", "user:*", "job:421"}) index[name] = name;
  std::vector<std::string> hits;
  index.ForEachCovering("job:42", [&](std::string& hit) { hits.push_back(hit); });
  EXPECT_THAT(hits, UnorderedElementsAre("job:42", "job:*", "job:4*", "job:42*"));

  EXPECT_TRUE(index.Erase("job:4*"));
  EXPECT_FALSE(index.Erase("job:4*"));
  hits.clear();
  index.ForEachCovering("job:4", [&](std::string& hit) { hits.push_back(hit); });
  EXPECT_THAT(hits, UnorderedElementsAre("job:*"));
  EXPECT_EQ(index.size(), 6u);
}

}  // namespace
}  // namespace milepost::contract
