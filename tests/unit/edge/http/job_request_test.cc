// Requests about jobs as values, and what a client holds already.
#include "edge/http/job_request.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/http/etag.h"

namespace milepost::edge::http {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

TEST(JobListTest, EveryParameterIsTaken) {
  const auto request = ParseJobList("resource=job%3A*&kind=film&state=active&query=a+b%20c&page_size=1000&page_token=t%3D");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->resource(), "job:*");
  EXPECT_EQ(request->kind(), "film");
  EXPECT_EQ(request->state(), "active");
  EXPECT_EQ(request->query(), "a+b c");
  EXPECT_EQ(request->page_size(), 1000u);
  EXPECT_EQ(request->page_token(), "t=");
}

TEST(JobListTest, WithoutParametersNothingIsSet) {
  const auto request = ParseJobList("");
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->ByteSizeLong(), 0u);
}

TEST(JobListTest, ErrorsNameTheParameter) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"nope=1", "nope: unknown parameter"},
      {"state=active&state=ended", "state: given more than once"},
      {"page_size=0", "page_size:"},
      {"page_size=1001", "page_size:"},
      {"page_size=", "page_size:"},
      {"page_size=%2B1", "page_size:"},
      {"page_size=99999999999", "page_size:"},
      {"resource=42", "resource"},
      {"resource=", "resource"},
      {"kind=Film", "kind:"},
      {"kind=", "kind:"},
      {"query=%FF", "query: is not valid UTF-8"},
      {"query=%zz", "query: bad escape"}};
  for (const auto& [query, words] : cases) {
    const auto request = ParseJobList(query);
    EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument) << query;
    EXPECT_THAT(std::string(request.status().message()), StartsWith(words)) << query;
  }
}

TEST(JobGetTest, ANameAndNothingElse) {
  EXPECT_EQ(ParseJobGet("job:42", "")->job(), "job:42");
  for (const char* job : {"", "job", "job:", "job:*", "JOB:1", "job:a b"}) {
    EXPECT_THAT(std::string(ParseJobGet(job, "").status().message()), StartsWith("job")) << job;
  }
  EXPECT_THAT(std::string(ParseJobGet("job:42", "x=1").status().message()), StartsWith("x: unknown parameter"));
}

TEST(ControlTest, ABodyIsOptional) {
  for (const char* body : {"", " \r\n", "{}", R"({"reason":null,"deadline":null})"}) {
    const auto request = ParseControl("job:42", v1::Control::PAUSE, "", body);
    ASSERT_TRUE(request.ok()) << body << request.status();
    EXPECT_EQ(request->job(), "job:42");
    EXPECT_EQ(request->action(), v1::Control::PAUSE);
    EXPECT_FALSE(request->has_reason());
    EXPECT_FALSE(request->has_deadline());
  }
}

TEST(ControlTest, ReasonAndDeadlineAreTaken) {
  const auto request = ParseControl("job:42", v1::Control::CANCEL, "",
                                    R"({"deadline":"2026-11-21T13:00:00.5+01:00","reason":"too \"long\""})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->reason(), "too \"long\"");
  EXPECT_EQ(request->deadline().seconds(), 1'795'262'400);
  EXPECT_EQ(request->deadline().nanos(), 500'000'000);
}

TEST(ControlTest, ErrorsNameTheMember) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[]", "body: must be a JSON object"},
      {"{", "body: byte"},
      {R"({"actor":"eve"})", "\"actor\": unknown member"},
      {R"({"reason":"a","reason":"b"})", "\"reason\": given more than once"},
      {R"({"reason":5})", "reason: must be a string"},
      {R"({"deadline":1795262400})", "deadline: must be a string"},
      {R"({"deadline":"soon"})", "deadline: \"soon\" is no time"}};
  for (const auto& [body, words] : cases) {
    const auto request = ParseControl("job:42", v1::Control::CANCEL, "", body);
    EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument) << body;
    EXPECT_THAT(std::string(request.status().message()), StartsWith(words)) << body;
  }
  EXPECT_THAT(std::string(ParseControl("job", v1::Control::CANCEL, "", "").status().message()), StartsWith("job"));
  EXPECT_THAT(std::string(ParseControl("job:42", v1::Control::CANCEL, "force=1", "").status().message()),
              StartsWith("force: unknown parameter"));
}

Request Asking(std::vector<std::string> values) {
  Request request;
  for (std::string& value : values) request.headers.emplace_back("if-none-match", std::move(value));
  return request;
}

TEST(EtagTest, AListHoldsATag) {
  for (const char* etag : {"\"abc-1\"", "W/\"abc-1\""}) {
    for (const char* value : {"\"abc-1\"", "W/\"abc-1\"", "*", " * ", "\"x\", \"abc-1\"", "W/\"x\",W/\"abc-1\" , \"y\"",
                              ",, \"abc-1\"", "\"a,b\",\"abc-1\"", "\"\",\"abc-1\""}) {
      EXPECT_TRUE(HasCurrent(Asking({value}), etag)) << value;
    }
    for (const char* value : {"", "abc-1", "\"abc-1", "\"abc-12\"", "w/\"abc-1\"", "\"x,\"abc-1\"\"", "\"*\"", "\"abc-2\"",
                              "\"x\" junk \"abc-1\""}) {
      EXPECT_FALSE(HasCurrent(Asking({value}), etag)) << value;
    }
  }
  EXPECT_TRUE(HasCurrent(Asking({"\"x\"", "\"abc-1\""}), "\"abc-1\"")) << "several lines are one list";
  EXPECT_FALSE(HasCurrent(Request(), "\"abc-1\""));
}

TEST(EtagTest, WhoHasItGets304WithoutABody) {
  const Response fresh = JsonWithEtag(Request(), WeakEtag("abc-1"), "{}");
  EXPECT_EQ(fresh.status, 200u);
  EXPECT_EQ(fresh.body, "{}");
  EXPECT_THAT(fresh.headers, Contains(Pair("ETag", "W/\"abc-1\"")));
  EXPECT_THAT(fresh.headers, Contains(Pair("Cache-Control", HasSubstr("no-cache"))));
  const Response held = JsonWithEtag(Asking({"W/\"abc-1\""}), WeakEtag("abc-1"), "{}");
  EXPECT_EQ(held.status, 304u);
  EXPECT_EQ(held.body, "");
  EXPECT_THAT(held.headers, Contains(Pair("ETag", "W/\"abc-1\"")));
  EXPECT_THAT(held.headers, Not(Contains(Pair("Content-Type", testing::_))));
}

}  // namespace
}  // namespace milepost::edge::http
