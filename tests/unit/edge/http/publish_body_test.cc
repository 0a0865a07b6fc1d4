// Bodies of POST /v1/events, and what became of their events as JSON.
#include "edge/http/publish_body.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "edge/sse/json_text.h"

namespace milepost::edge::http {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kJson[] = "application/json";
constexpr char kLines[] = "application/x-ndjson";

PublishBody Good(absl::string_view type, absl::string_view body) {
  auto parsed = ParsePublishBody(type, body);
  if (auto* problem = std::get_if<Response>(&parsed)) ADD_FAILURE() << problem->body;
  return std::holds_alternative<PublishBody>(parsed) ? std::get<PublishBody>(std::move(parsed)) : PublishBody();
}

// The status and detail of a refusal.
std::pair<unsigned, std::string> Bad(absl::string_view type, absl::string_view body) {
  const auto parsed = ParsePublishBody(type, body);
  const auto* problem = std::get_if<Response>(&parsed);
  if (problem == nullptr) return {0, ""};
  EXPECT_TRUE(sse::CheckJson(problem->body).ok()) << problem->body;
  return {problem->status, sse::StringValue(sse::ObjectMembers(problem->body, 9)[3].second)};
}

std::string Repeat(size_t count, absl::string_view item, absl::string_view between) {
  std::string text;
  for (size_t i = 0; i < count; ++i) absl::StrAppend(&text, i == 0 ? "" : between, item);
  return text;
}

TEST(PublishBodyTest, TakesOneEventAnArrayAndLines) {
  const char event[] = R"({"job":"job:1","progress":{"step":"tts","fraction":0.5},"metadata":{"a":[1,{"b":null}]}})";
  const PublishBody one = Good("application/json; charset=utf-8", event);
  ASSERT_EQ(one.events.size(), 1u);
  EXPECT_TRUE(one.single);
  EXPECT_EQ(one.events[0]->job(), "job:1");
  EXPECT_EQ(one.events[0]->progress().fraction(), 0.5);

  const PublishBody list = Good(kJson, absl::StrCat(" [ ", event, " ,\n", event, " ] "));
  ASSERT_EQ(list.events.size(), 2u);
  EXPECT_FALSE(list.single);
  EXPECT_TRUE(list.events[0].ok() && list.events[1].ok());

  const PublishBody lines = Good(kLines, absl::StrCat("\n", event, "\r\n \n", event));
  ASSERT_EQ(lines.events.size(), 2u);
  EXPECT_FALSE(lines.single);
  EXPECT_TRUE(lines.events[0].ok() && lines.events[1].ok());
  EXPECT_FALSE(Good(kLines, event).single);
}

TEST(PublishBodyTest, OneBadEventNamesItsField) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"job":"job:1","nope":1})", "nope: unknown field"},
      {R"({"progress":{"nope":1}})", "progress.nope: unknown field"},
      {R"({"status":{"steps":[{"id":"a"},{"ix":"b"}]}})", "status.steps[1].ix: unknown field"},
      {R"({"job":42})", "job: invalid value 42"},
      {R"({"job":["a"]})", "job: "},
      {R"({"job":{"a":1}})", "job: must not be an object"},
      {R"({"progress":5})", "progress: invalid value 5"},
      {R"({"progress":{"fraction":"x"}})", "progress.fraction: invalid value \"x\""},
      {R"({"status":{"state":"NOPE"}})", "status.state: invalid value \"NOPE\" for type milepost.v1.JobStatus.State"},
      {R"({"status":{},"step":{}})", "only one may be set: oneof field 'event' is already set. Cannot set 'step'"},
      {R"({"time":"soon"})", "time: invalid value"},
      {R"({"attempt":-1})", "attempt: invalid value -1"},
      {R"({"attempt":1.5})", "attempt: invalid value 1.5"},
      {R"({"metadata":[1]})", "metadata: "},
      {R"({"resources":[1]})", "resources[0]: invalid value 1"},
      {R"({"job":"a:1","job":"b:1"})", "\"job\": given more than once"},
      {R"({"":1})", "Proto fields must have a name"},
      {R"({"metadata":{"a":1e999}})", "body: byte 23: a number beyond the range"},
  };
  for (const auto& [body, message] : cases) {
    const auto [status, detail] = Bad(kJson, body);
    EXPECT_EQ(status, 400u) << body;
    EXPECT_THAT(detail, StartsWith(message)) << body;
  }
}

TEST(PublishBodyTest, AMessageNeverRepeatsMoreThan64CharactersOfAPieceOfInput) {
  const std::string x(100'000, 'x');
  for (const std::string& body :
       {"{\"" + x + "\":1}", "{\"progress\":{\"" + x + "\":1}}", "{\"progress\":{\"fraction\":\"" + x + "\"}}",
        "{\"job\":{\"" + x + "\":1}}", "{\"time\":\"" + x + "\"}", "{\"status\":{\"state\":\"" + x + " for type " + x + "\"}}",
        "{\"status\":{\"labels\":{\"" + x + "\":1}}}", "{\"progress\":{\"fraction\":\"\\n" + x + "\"}}",
        "{\"" + x + "\":1,\"" + x + "\":2}"}) {
    const auto [status, detail] = Bad(kJson, body);
    EXPECT_EQ(status, 400u) << body.substr(0, 40);
    EXPECT_EQ(detail.find(std::string(65, 'x')), std::string::npos) << detail.substr(0, 300);
    EXPECT_LT(detail.size(), 400u);
  }
}

TEST(PublishBodyTest, RefusesWhatIsNoListOfEvents) {
  for (const char* body : {"", "  \n", "x", "{", "[", "[{}", "[{},]", "{}{}", "[]", "42", "\"a\"", "null", "true", "{job:1}",
                           "{'job':1}", "[{}] x", "\xff"}) {
    EXPECT_EQ(Bad(kJson, body).first, 400u) << body;
  }
  for (const char* body : {"", "\n\n", " \r\n "}) EXPECT_EQ(Bad(kLines, body).first, 400u) << body;
}

TEST(PublishBodyTest, RefusesOtherContentTypes) {
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"}) {
    const auto [status, detail] = Bad(type, "{}");
    EXPECT_EQ(status, 415u) << type;
    EXPECT_THAT(detail, HasSubstr("application/x-ndjson"));
  }
}

TEST(PublishBodyTest, ABadElementOrLineIsItsOwnError) {
  const PublishBody list = Good(kJson, R"([{"job":"job:1"},{"nope":1},7,{"job":"job:2"}])");
  ASSERT_EQ(list.events.size(), 4u);
  EXPECT_TRUE(list.events[0].ok());
  EXPECT_EQ(list.events[1].status().message(), "events[1]: nope: unknown field: check its spelling or leave it out");
  EXPECT_EQ(list.events[2].status().message(), "events[2]: an event must be a JSON object");
  EXPECT_EQ(list.events[3]->job(), "job:2");

  const PublishBody lines = Good(kLines, "{\"job\":\"job:1\"}\n\n{\n[]\n{\"nope\":1}\n{\"job\":\"job:2\"}\xff\n{}");
  ASSERT_EQ(lines.events.size(), 6u);
  EXPECT_TRUE(lines.events[0].ok());
  EXPECT_THAT(std::string(lines.events[1].status().message()), StartsWith("line 3: byte 2: "));
  EXPECT_THAT(std::string(lines.events[2].status().message()), StartsWith("line 4: an event must be"));
  EXPECT_THAT(std::string(lines.events[3].status().message()), StartsWith("line 5: nope: "));
  EXPECT_THAT(std::string(lines.events[4].status().message()), StartsWith("line 6: byte 16: "));
  EXPECT_TRUE(lines.events[5].ok());
}

TEST(PublishBodyTest, TheNumberOfEventsHasALimit) {
  EXPECT_EQ(Good(kJson, "[" + Repeat(1000, "{}", ",") + "]").events.size(), 1000u);
  EXPECT_EQ(Bad(kJson, "[" + Repeat(1001, "{}", ",") + "]").first, 413u);
  EXPECT_EQ(Good(kLines, Repeat(1000, "{}", "\n") + "\n\n").events.size(), 1000u);
  EXPECT_EQ(Bad(kLines, Repeat(1001, "x", "\n")).first, 413u);
}

TEST(PublishBodyTest, NestingHasALimitThatTheWireFormatBears) {
  // The event is one level and its payload the second.
  const auto nested = [](size_t depth) {
    return absl::StrCat(R"({"job":"job:1","metadata":)", Repeat(depth - 1, "{\"a\":", ""), "1", std::string(depth - 1, '}'), "}");
  };
  const PublishBody deep = Good(kJson, nested(sse::kMaxJsonDepth));
  ASSERT_EQ(deep.events.size(), 1u);
  v1::ProgressEvent copy;
  EXPECT_TRUE(copy.ParseFromString(deep.events[0]->SerializeAsString()));
  EXPECT_THAT(Bad(kJson, nested(sse::kMaxJsonDepth + 1)).second, HasSubstr("nested deeper than 32 levels"));
  EXPECT_EQ(Bad(kJson, std::string(1'000'000, '[')).first, 400u);
  EXPECT_EQ(Bad(kJson, Repeat(150'000, "{\"a\":", "")).first, 400u);
}

v1::PublishResult Stored(uint64_t seq) {
  v1::PublishResult result;
  result.set_seq(seq);
  result.set_cursor(absl::StrCat("abcdefgh-", seq));
  return result;
}

v1::PublishResult Rejected(absl::StatusCode code, const std::string& message) {
  v1::PublishResult result;
  result.mutable_error()->set_code(static_cast<int>(code));
  result.mutable_error()->set_message(message);
  return result;
}

TEST(PublishAnswerTest, HasOneResultForEachEventInInputOrder) {
  const PublishBody body = Good(kLines, "{}\nx\n{}\n{}");
  v1::PublishResponse results;
  *results.add_results() = Stored(9'007'199'254'740'993);
  *results.add_results() = Rejected(absl::StatusCode::kFailedPrecondition, "say \"no\"");
  *results.add_results() = Stored(7);
  const Response answer = PublishAnswer(body, results);
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(answer.body,
            R"({"results":[{"seq":"9007199254740993","cursor":"abcdefgh-9007199254740993"},)"
            R"({"error":{"code":"INVALID_ARGUMENT","message":"line 2: byte 1: this is no JSON value"}},)"
            R"({"error":{"code":"FAILED_PRECONDITION","message":"say \"no\""}},{"seq":"7","cursor":"abcdefgh-7"}]})");
}

TEST(PublishAnswerTest, NeedsNoServiceIfNoEventIsGood) {
  const Response answer = PublishAnswer(Good(kLines, "x\ny"), {});
  EXPECT_EQ(answer.status, 200u);
  EXPECT_TRUE(sse::CheckJson(answer.body).ok());
}

TEST(PublishAnswerTest, ASingleRejectedEventIsAProblem) {
  const PublishBody body = Good(kJson, "{}");
  for (const auto& [code, status] : std::vector<std::pair<absl::StatusCode, unsigned>>{
           {absl::StatusCode::kInvalidArgument, 400}, {absl::StatusCode::kPermissionDenied, 403},
           {absl::StatusCode::kFailedPrecondition, 409}}) {
    v1::PublishResponse results;
    *results.add_results() = Rejected(code, "why");
    const Response answer = PublishAnswer(body, results);
    EXPECT_EQ(answer.status, status);
    EXPECT_THAT(answer.body, HasSubstr("\"detail\":\"why\""));
  }
  v1::PublishResponse stored;
  *stored.add_results() = Stored(1);
  EXPECT_EQ(PublishAnswer(body, stored).body, R"({"results":[{"seq":"1","cursor":"abcdefgh-1"}]})");
  // A list of one is a list.
  v1::PublishResponse results;
  *results.add_results() = Rejected(absl::StatusCode::kInvalidArgument, "why");
  EXPECT_EQ(PublishAnswer(Good(kJson, "[{}]"), results).status, 200u);
}

TEST(PublishAnswerTest, AServiceThatAnswersAnotherNumberIsNotBelieved) {
  v1::PublishResponse results;
  EXPECT_EQ(PublishAnswer(Good(kJson, "{}"), results).status, 500u);
  *results.add_results() = Stored(1);
  *results.add_results() = Stored(2);
  EXPECT_EQ(PublishAnswer(Good(kJson, "{}"), results).status, 500u);
  // A rejection with a code that is none.
  v1::PublishResponse odd;
  *odd.add_results() = Rejected(absl::StatusCode::kOk, "why");
  EXPECT_GE(PublishAnswer(Good(kJson, "{}"), odd).status, 400u);
}

}  // namespace
}  // namespace milepost::edge::http
