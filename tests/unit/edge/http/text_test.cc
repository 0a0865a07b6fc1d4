// What answers say: problems whose text comes from hostile input, heads that input cannot write lines into.
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "edge/http/content_type.h"
#include "edge/http/request.h"
#include "edge/http/response.h"
#include "edge/http/response_head.h"
#include "edge/sse/json_text.h"

namespace milepost::edge::http {
namespace {

using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(ProblemTest, IsJsonWhateverTheTextHolds) {
  const std::string hostile("\"}\r\n\0</script>\x01\x7F\xFF\xE2\x80\xA8", 21);
  const Response problem = Problem(400, hostile, hostile);
  ASSERT_TRUE(sse::CheckJson(problem.body).ok()) << problem.body;
  const auto members = sse::ObjectMembers(problem.body, 9);
  ASSERT_EQ(members.size(), 4u);
  EXPECT_THAT(members[0], Pair("type", "\"about:blank\""));
  EXPECT_EQ(members[1].first, "title");
  EXPECT_THAT(members[2], Pair("status", "400"));
  EXPECT_EQ(members[3].first, "detail");
  EXPECT_THAT(sse::StringValue(members[3].second), HasSubstr("</script>"));
  EXPECT_THAT(problem.headers, Contains(Pair("Content-Type", "application/problem+json")));
}

TEST(ProblemTest, EveryCodeHasItsStatus) {
  const std::vector<std::pair<absl::StatusCode, unsigned>> cases = {
      {absl::StatusCode::kInvalidArgument, 400},    {absl::StatusCode::kOutOfRange, 400},
      {absl::StatusCode::kUnauthenticated, 401},    {absl::StatusCode::kPermissionDenied, 403},
      {absl::StatusCode::kNotFound, 404},           {absl::StatusCode::kAlreadyExists, 409},
      {absl::StatusCode::kFailedPrecondition, 409}, {absl::StatusCode::kAborted, 409},
      {absl::StatusCode::kResourceExhausted, 429},  {absl::StatusCode::kUnimplemented, 501},
      {absl::StatusCode::kUnavailable, 503},        {absl::StatusCode::kDeadlineExceeded, 503},
      {absl::StatusCode::kCancelled, 503},          {absl::StatusCode::kInternal, 500},
      {absl::StatusCode::kUnknown, 500},            {absl::StatusCode::kDataLoss, 500},
      {static_cast<absl::StatusCode>(99), 500}};
  for (const auto& [code, status] : cases) {
    const Response problem = Problem(absl::Status(code, "why"));
    EXPECT_EQ(problem.status, status) << static_cast<int>(code);
    EXPECT_THAT(problem.body, HasSubstr("\"detail\":\"why\""));
    EXPECT_NE(ReasonPhrase(status), "Unknown");
    const bool retry = status == 429 || status == 503;
    EXPECT_EQ(testing::Matches(Contains(Pair("Retry-After", testing::_)))(problem.headers), retry) << status;
  }
}

TEST(ShedTest, AStreamIsToldToComeBackAndEnds) {
  const Response stream = Shed(true, 1234);
  EXPECT_EQ(stream.status, 200u);
  EXPECT_EQ(stream.body, "retry: 1234\n\nevent: goodbye\ndata: {\"type\":\"goodbye\",\"reason\":\"shed\"}\n\n");
  EXPECT_EQ(Shed(false, 1234).status, 503u);
}

TEST(ResponseHeadTest, SaysLengthAndWhetherTheConnectionStays) {
  const absl::Time now = absl::FromUnixSeconds(784111777);
  EXPECT_EQ(FormatHead({200, {{"A", "b"}}, "xyz"}, true, false, now),
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nA: b\r\nContent-Length: 3\r\n\r\n");
  EXPECT_THAT(FormatHead({404, {}, ""}, false, false, now), EndsWith("\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(FormatHead({200, {}, ""}, true, true, now), EndsWith("\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_THAT(FormatHead({204, {}, ""}, true, false, now), Not(HasSubstr("Content-Length")));
  EXPECT_THAT(FormatHead({304, {}, ""}, true, false, now), Not(HasSubstr("Content-Length")));
}

TEST(ResponseHeadTest, AValueCannotWriteLines) {
  for (const std::string& value : {std::string("a\r\nSet-Cookie: x"), std::string("a\nb"), std::string("a\0b", 3)}) {
    const std::string head = FormatHead({200, {{"X-Bad", value}, {"X-Good", "1"}}, ""}, true, false, absl::Now());
    EXPECT_THAT(head, Not(HasSubstr("X-Bad")));
    EXPECT_THAT(head, HasSubstr("X-Good: 1"));
  }
}

TEST(RequestTest, HeaderNamesAreComparedWithoutCase) {
  const Request request{.headers = {{"content-TYPE", "a"}, {"Content-Type", "b"}}};
  EXPECT_EQ(request.Header("Content-Type"), "a");
  EXPECT_EQ(request.Header("Content-Typ"), std::nullopt);
}

TEST(ContentTypeTest, KnowsJsonAndLinesInUtf8Only) {
  for (const char* json : {"application/json", "Application/JSON", " application/json ; charset=utf-8",
                           "application/json;charset=\"UTF-8\"", "application/json; profile=x; charset=utf8"}) {
    EXPECT_EQ(ParseContentType(json), BodyType::kJson) << json;
  }
  EXPECT_EQ(ParseContentType("application/x-ndjson"), BodyType::kNdjson);
  EXPECT_EQ(ParseContentType("application/x-ndjson; charset=utf-8"), BodyType::kNdjson);
  for (const char* other :
       {"", ";", "text/plain", "application/jsonx", "application/json, text/plain", "application/problem+json",
        "application/x-www-form-urlencoded", "multipart/form-data; boundary=application/json",
        "application/json; charset=utf-16", "application/json; charset", "application/ndjson", "json"}) {
    EXPECT_EQ(ParseContentType(other), BodyType::kOther) << other;
  }
}

}  // namespace
}  // namespace milepost::edge::http
