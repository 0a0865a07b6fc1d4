// What readers ask for: every option, at each limit and one past it, and every way to get it wrong.
#include "edge/sse/stream_request.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "edge/sse/query.h"

namespace milepost::edge::sse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

std::string Names(size_t count, absl::string_view prefix = "job:") {
  std::string list;
  for (size_t i = 0; i < count; ++i) absl::StrAppend(&list, i == 0 ? "" : ",", prefix, i);
  return list;
}

std::string JsonNames(size_t count) {
  std::string list;
  for (size_t i = 0; i < count; ++i) absl::StrAppend(&list, i == 0 ? "" : ",", "\"job:", i, "\"");
  return absl::StrCat("[", list, "]");
}

template <typename T>
std::string Refusal(const absl::StatusOr<T>& result) {
  EXPECT_FALSE(result.ok());
  if (result.ok()) return "";
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(result.status().message());
}

TEST(QueryTest, DecodesOnceAndLeavesPlusAlone) {
  const auto params = ParseQuery("a=%2541&b%3D=c%20d+e&&c&=x&d=1=2&%00=%ff&");
  ASSERT_TRUE(params.ok());
  EXPECT_THAT(*params, ElementsAre(Pair("a", "%41"), Pair("b=", "c d+e"), Pair("c", ""), Pair("", "x"), Pair("d", "1=2"),
                                   Pair(std::string("\0", 1), "\xff")));
}

TEST(QueryTest, RefusesEveryBadEscapeAndNamesItsParameter) {
  for (const char* bad : {"%", "%4", "%4g", "%g4", "%%41", "x%", "%u0041", "%-1", "% 1"}) {
    EXPECT_THAT(Refusal(ParseQuery(absl::StrCat("ok=1&types=", bad))), StartsWith("types: bad escape")) << bad;
    EXPECT_THAT(Refusal(ParseQuery(absl::StrCat(bad, "=1"))), StartsWith("name of a query parameter: bad escape")) << bad;
  }
}

TEST(StreamQueryTest, WithoutOptionsTheDefaultsHold) {
  const auto request = ParseStreamQuery("resources=job:42", "");
  ASSERT_TRUE(request.ok());
  EXPECT_THAT(request->resources, ElementsAre("job:42"));
  EXPECT_EQ(request->cursor, "");
  EXPECT_TRUE(request->snapshot);
  EXPECT_THAT(request->fresh, IsEmpty());
  EXPECT_EQ(request->last, 0u);
  EXPECT_THAT(request->types, IsEmpty());
  EXPECT_FALSE(request->latest_progress);
  EXPECT_TRUE(request->names);
  EXPECT_FALSE(request->event_heartbeat);
}

TEST(StreamQueryTest, TakesEveryOption) {
  const auto request = ParseStreamQuery(
      "resources=job:1,user:7&last_event_id=abcdefgh-12&snapshot=0&fresh=user:7&last=1000&types=job-status,my-event"
      "&progress=latest&names=0&heartbeat=event",
      "");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_THAT(request->resources, ElementsAre("job:1", "user:7"));
  EXPECT_EQ(request->cursor, "abcdefgh-12");
  EXPECT_FALSE(request->snapshot);
  EXPECT_THAT(request->fresh, ElementsAre("user:7"));
  EXPECT_EQ(request->last, 1000u);
  EXPECT_THAT(request->types, ElementsAre("job-status", "my-event"));
  EXPECT_TRUE(request->latest_progress);
  EXPECT_FALSE(request->names);
  EXPECT_TRUE(request->event_heartbeat);
  const auto same = ParseStreamQuery("resource=job:1&snapshot=1&progress=all&names=1&heartbeat=comment&last=1", "");
  ASSERT_TRUE(same.ok());
  EXPECT_TRUE(same->snapshot && !same->latest_progress && same->names && !same->event_heartbeat);
}

TEST(StreamQueryTest, ResourcesKeepTheirOrderAndDoublesCountOnce) {
  const auto request = ParseStreamQuery("resource=c:1&resources=b:1%2Ca%3A1,b:1&resource=c:1&resource=job:*,d:1", "");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_THAT(request->resources, ElementsAre("c:1", "b:1", "a:1", "job:*", "d:1"));
}

TEST(StreamQueryTest, TheHeaderBeatsTheQueryUnlessItIsEmpty) {
  EXPECT_EQ(ParseStreamQuery("resources=a:1&last_event_id=query", "header")->cursor, "header");
  EXPECT_EQ(ParseStreamQuery("resources=a:1&last_event_id=query", "")->cursor, "query");
  EXPECT_EQ(ParseStreamQuery("resources=a:1&last_event_id=", "")->cursor, "");
  EXPECT_EQ(ParseJobStreamQuery("job:1", "last_event_id=query", "header")->cursor, "header");
}

TEST(StreamQueryTest, ACursorIsKeptWhateverItIsAndCutOnlyPastAnyCursor) {
  EXPECT_EQ(ParseStreamQuery("resources=a:1&last_event_id=%0a%00,+", "")->cursor, std::string("\n\0,+", 4));
  EXPECT_EQ(ParseStreamQuery("resources=a:1", std::string(32, 'x'))->cursor, std::string(32, 'x'));
  EXPECT_EQ(ParseStreamQuery("resources=a:1", std::string(8000, 'x'))->cursor, std::string(33, 'x'));
  EXPECT_EQ(ParseStreamQuery("resources=a:1&last_event_id=" + std::string(8000, 'x'), "")->cursor, std::string(33, 'x'));
}

TEST(StreamQueryTest, EveryBadOptionIsRefusedByItsName) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "resources: none given"},
      {"types=a", "resources: none given"},
      {"resources=", "resources: an empty item"},
      {"resource", "resource: an empty item"},
      {"resources=a:1,", "resources: an empty item"},
      {"resources=,a:1", "resources: an empty item"},
      {"resources=a:1,,b:1", "resources: an empty item"},
      {"resources=job", "resources: \"job\""},
      {"resources=job:1+job:2", "resources: \"job:1+job:2\""},
      {"resources=job%253A1", "resources: \"job%3A1\""},
      {"resources=*", "resources: \"*\""},
      {"resources=a:1&resources=b:1", "resources: given more than once"},
      {"resources=a:1%zz", "resources: bad escape"},
      {"resources=a:1&fresh=b:1", "fresh: \"b:1\" is not among"},
      {"resources=a:*&fresh=a:1", "fresh: \"a:1\" is not among"},
      {"resources=a:1&fresh=", "fresh: an empty item"},
      {"resources=a:1&fresh=x", "fresh: \"x\""},
      {"resources=a:1&fresh=a:1&fresh=a:1", "fresh: given more than once"},
      {"resources=a:1&snapshot=", "snapshot: \"\""},
      {"resources=a:1&snapshot=2", "snapshot: \"2\""},
      {"resources=a:1&snapshot=true", "snapshot: \"true\""},
      {"resources=a:1&snapshot=0&snapshot=0", "snapshot: given more than once"},
      {"resources=a:1&last=0", "last: \"0\""},
      {"resources=a:1&last=1001", "last: \"1001\""},
      {"resources=a:1&last=", "last: \"\""},
      {"resources=a:1&last=-1", "last: \"-1\""},
      {"resources=a:1&last=+1", "last: \"+1\""},
      {"resources=a:1&last=%201", "last: \" 1\""},
      {"resources=a:1&last=1e2", "last: \"1e2\""},
      {"resources=a:1&last=4294967297", "last: \"4294967297\""},
      {"resources=a:1&last=1&last=2", "last: given more than once"},
      {"resources=a:1&types=", "types: an empty item"},
      {"resources=a:1&types=a,,b", "types: an empty item"},
      {"resources=a:1&types=Job", "types: \"Job\""},
      {"resources=a:1&types=job_status", "types: \"job_status\""},
      {"resources=a:1&types=a&types=b", "types: given more than once"},
      {"resources=a:1&progress=some", "progress: \"some\""},
      {"resources=a:1&progress=ALL", "progress: \"ALL\""},
      {"resources=a:1&progress=all&progress=all", "progress: given more than once"},
      {"resources=a:1&names=no", "names: \"no\""},
      {"resources=a:1&names=0&names=1", "names: given more than once"},
      {"resources=a:1&heartbeat=10s", "heartbeat: \"10s\""},
      {"resources=a:1&heartbeat=event&heartbeat=event", "heartbeat: given more than once"},
      {"resources=a:1&last_event_id=a&last_event_id=a", "last_event_id: given more than once"},
      {"resources=a:1&last_event_id=%", "last_event_id: bad escape"},
      {"resources=a:1&Types=a", "\"Types\": unknown parameter"},
      {"resources=a:1&after=a", "after: unknown parameter"},
      {"resources=a:1&lastEventId=a", "\"lastEventId\": unknown parameter"},
      {"resources=a:1&=", "\"\": unknown parameter"},
      {"resources=a:1&a%0ab=", "\"a\\nb\": unknown parameter"},
      {"resources=a:1&" + std::string(1000, 'x'), "\"" + std::string(64, 'x') + "\"…: unknown parameter"},
  };
  for (const auto& [query, message] : cases) EXPECT_THAT(Refusal(ParseStreamQuery(query, "")), StartsWith(message)) << query;
}

TEST(StreamQueryTest, ResourcesAndTypesHaveLimits) {
  EXPECT_EQ(ParseStreamQuery("resources=" + Names(512) + "," + Names(512), "")->resources.size(), 512u);
  EXPECT_THAT(Refusal(ParseStreamQuery("resources=" + Names(513), "")), HasSubstr("resources: more than 512"));
  EXPECT_THAT(Refusal(ParseStreamQuery("resource=x:1&resources=" + Names(512), "")), HasSubstr("resources: more than 512"));
  EXPECT_EQ(ParseStreamQuery("resources=a:1&types=" + Names(64, "t"), "")->types.size(), 64u);
  EXPECT_THAT(Refusal(ParseStreamQuery("resources=a:1&types=" + Names(65, "t"), "")), HasSubstr("types: more than 64"));
  EXPECT_EQ(ParseStreamQuery("resources=" + Names(512) + "&fresh=" + Names(512), "")->fresh.size(), 512u);
}

TEST(JobStreamQueryTest, TheJobIsTheOnlyResource) {
  const auto request = ParseJobStreamQuery("job:42", "types=output&fresh=job:42&names=0", "x");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_THAT(request->resources, ElementsAre("job:42"));
  EXPECT_THAT(request->fresh, ElementsAre("job:42"));
  EXPECT_THAT(Refusal(ParseJobStreamQuery("job:42", "resources=job:1", "")), StartsWith("resources: unknown parameter"));
  EXPECT_THAT(Refusal(ParseJobStreamQuery("job:42", "resource=job:1", "")), StartsWith("resource: unknown parameter"));
  EXPECT_THAT(Refusal(ParseJobStreamQuery("job:42", "fresh=job:1", "")), StartsWith("fresh: \"job:1\" is not among"));
  EXPECT_THAT(Refusal(ParseJobStreamQuery("job:*", "", "")), StartsWith("job: \"job:*\" is a pattern"));
  EXPECT_THAT(Refusal(ParseJobStreamQuery("42", "", "")), StartsWith("job: \"42\""));
}

TEST(WatchBodyTest, TakesEveryMember) {
  const auto request = ParseWatchBody(R"({"resources":["b:1","a:1","b:1"],"fresh":["a:1"],"lastEventId":"abcdefgh-1",)"
                                      R"("types":["job-status"],"progress":"latest"})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_THAT(request->resources, ElementsAre("b:1", "a:1"));
  EXPECT_THAT(request->fresh, ElementsAre("a:1"));
  EXPECT_EQ(request->cursor, "abcdefgh-1");
  EXPECT_THAT(request->types, ElementsAre("job-status"));
  EXPECT_TRUE(request->latest_progress);
  const auto plain = ParseWatchBody(R"({"resources":["\u0061:1"],"lastEventId":null,"types":[],"fresh":[],"progress":"all"})");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_THAT(plain->resources, ElementsAre("a:1"));
  EXPECT_TRUE(plain->snapshot && plain->names && plain->cursor.empty() && !plain->latest_progress);
}

TEST(WatchBodyTest, EveryBadBodyIsRefusedByTheNameOfItsMember) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "body: byte 1"},
      {"{", "body: byte 2"},
      {"{} {}", "body: byte 4"},
      {"[]", "body: must be a JSON object"},
      {"null", "body: must be a JSON object"},
      {"{}", "resources: none given"},
      {R"({"resources":[]})", "resources: none given"},
      {R"({"resources":"a:1"})", "resources: must be an array"},
      {R"({"resources":null})", "resources: must be an array"},
      {R"({"resources":["a:1",7]})", "resources[1]: must be a string"},
      {R"({"resources":["a:1","b"]})", "resources[1]: \"b\""},
      {R"({"resources":["a:1,b:1"]})", "resources[0]: \"a:1,b:1\""},
      {R"({"resources":["a%3A1"]})", "resources[0]: \"a%3A1\""},
      {R"({"resources":[""]})", "resources[0]: an empty item"},
      {R"({"resources":["a:1"],"resources":["a:1"]})", "\"resources\": given more than once"},
      {R"({"resources":["a:1"],"fresh":["b:1"]})", "fresh: \"b:1\" is not among"},
      {R"({"resources":["a:1"],"fresh":{}})", "fresh: must be an array"},
      {R"({"resources":["a:1"],"types":["A"]})", "types[0]: \"A\""},
      {R"({"resources":["a:1"],"types":[null]})", "types[0]: must be a string"},
      {R"({"resources":["a:1"],"progress":true})", "progress: must be a string"},
      {R"({"resources":["a:1"],"progress":"x"})", "progress: \"x\""},
      {R"({"resources":["a:1"],"lastEventId":1})", "lastEventId: must be a string"},
      {R"({"resources":["a:1"],"last_event_id":"a"})", "\"last_event_id\": unknown member"},
      {R"({"resources":["a:1"],"snapshot":true})", "\"snapshot\": unknown member"},
      {R"({"resources":["a:1"],"\n":1})", "\"\\n\": unknown member"},
  };
  for (const auto& [body, message] : cases) EXPECT_THAT(Refusal(ParseWatchBody(body)), StartsWith(message)) << body;
}

TEST(WatchBodyTest, HasTheLimitsOfAStream) {
  EXPECT_EQ(ParseWatchBody(absl::StrCat("{\"resources\":", JsonNames(512), "}"))->resources.size(), 512u);
  EXPECT_THAT(Refusal(ParseWatchBody(absl::StrCat("{\"resources\":", JsonNames(513), "}"))),
              HasSubstr("resources[512]: more than 512"));
  const std::string twice = JsonNames(512).substr(1);
  EXPECT_EQ(ParseWatchBody(absl::StrCat("{\"resources\":[\"job:0\",", twice, "}"))->resources.size(), 512u);
  EXPECT_EQ(ParseWatchBody(absl::StrCat(R"({"resources":["a:1"],"lastEventId":")", std::string(999, 'x'), "\"}"))->cursor,
            std::string(33, 'x'));
}

TEST(PollQueryTest, TakesEveryOption) {
  const auto request = ParsePollQuery("resources=a:1,b:*&after=abcdefgh-1&wait=60&types=output");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_THAT(request->resources, ElementsAre("a:1", "b:*"));
  EXPECT_EQ(request->after, "abcdefgh-1");
  EXPECT_EQ(request->wait_s, 60u);
  EXPECT_THAT(request->types, ElementsAre("output"));
  const auto plain = ParsePollQuery("resource=a:1&after=&wait=0");
  ASSERT_TRUE(plain.ok());
  EXPECT_TRUE(plain->after.empty() && plain->wait_s == 0 && plain->types.empty());
}

TEST(PollQueryTest, EveryBadOptionIsRefusedByItsName) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"after=a", "resources: none given"},
      {"resources=a:1&wait=61", "wait: \"61\""},
      {"resources=a:1&wait=25s", "wait: \"25s\""},
      {"resources=a:1&wait=", "wait: \"\""},
      {"resources=a:1&wait=1&wait=1", "wait: given more than once"},
      {"resources=a:1&after=a&after=b", "after: given more than once"},
      {"resources=a:1&last_event_id=a", "last_event_id: unknown parameter"},
      {"resources=a:1&snapshot=0", "snapshot: unknown parameter"},
      {"resources=a:1&types=,", "types: an empty item"},
      {"resources=" + Names(513), "resources: more than 512"},
  };
  for (const auto& [query, message] : cases) EXPECT_THAT(Refusal(ParsePollQuery(query)), StartsWith(message)) << query;
  EXPECT_EQ(ParsePollQuery("resources=a:1&after=" + std::string(99, 'x'))->after, std::string(33, 'x'));
}

}  // namespace
}  // namespace milepost::edge::sse
