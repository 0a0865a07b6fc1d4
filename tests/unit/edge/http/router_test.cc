// Which handler answers which method and path. No sockets: the answers go into a fake sink.
#include "edge/http/router.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_join.h"

namespace milepost::edge::http {
namespace {

using ::testing::Contains;
using ::testing::Pair;

class FakeSink : public ResponseSink {
 public:
  void Respond(Response response) override { answers.push_back(std::move(response)); }
  Socket TakeSocket() override { return Socket(context_.get_executor()); }
  ConnectionSlot TakeSlot() override { return {}; }
  void OnClientGone(std::function<void()>) override { ADD_FAILURE() << "there is an answer"; }
  void Dropped(std::shared_ptr<ResponseSink>) override { ++dropped; }

  std::vector<Response> answers;
  int dropped = 0;

 private:
  boost::asio::io_context context_;
};

// Answers with the name of the route and its parameters.
class RouterTest : public testing::Test {
 protected:
  void Add(const std::string& method, const std::string& pattern) {
    router_.Add(method, pattern, [name = method + " " + pattern](Request request, Responder responder) {
      responder.Respond({200, {}, name + " [" + absl::StrJoin(request.params, " ") + "]"});
    });
  }

  Response Ask(Request request) {
    const auto sink = std::make_shared<FakeSink>();
    if (request.path.empty()) request.path = request.target;
    router_.Handle(request, Responder(sink, request.method == "HEAD"));
    EXPECT_EQ(sink->dropped, 0);
    EXPECT_EQ(sink->answers.size(), 1u);
    return sink->answers.empty() ? Response() : sink->answers[0];
  }
  Response Ask(const std::string& method, const std::string& path) { return Ask({.method = method, .path = path}); }

  void SetUp() override {
    Add("GET", "/v1/jobs/{job}");
    Add("GET", "/v1/jobs/{job}/events");
    Add("POST", "/v1/jobs/{job}:cancel");
    Add("POST", "/v1/jobs/{job}:pause");
    Add("GET", "/v1/jobs");
    Add("GET", "/v1/events");
    Add("POST", "/v1/events");
    Add("POST", "/v1/events:watch");
    Add("GET", "/v1/jobs/special");
    Add("GET", "/");
  }

  Router router_;
};

TEST_F(RouterTest, FindsTheRouteAndItsParameters) {
  EXPECT_EQ(Ask("GET", "/").body, "GET / []");
  EXPECT_EQ(Ask("GET", "/v1/jobs").body, "GET /v1/jobs []");
  EXPECT_EQ(Ask("GET", "/v1/jobs/job:42").body, "GET /v1/jobs/{job} [job:42]");
  EXPECT_EQ(Ask("GET", "/v1/jobs/job:42/events").body, "GET /v1/jobs/{job}/events [job:42]");
  EXPECT_EQ(Ask("POST", "/v1/events").body, "POST /v1/events []");
  EXPECT_EQ(Ask("POST", "/v1/events:watch").body, "POST /v1/events:watch []");
}

TEST_F(RouterTest, AVerbIsWhatFollowsTheLastColon) {
  EXPECT_EQ(Ask("POST", "/v1/jobs/job:42:cancel").body, "POST /v1/jobs/{job}:cancel [job:42]");
  EXPECT_EQ(Ask("POST", "/v1/jobs/job:42:pause").body, "POST /v1/jobs/{job}:pause [job:42]");
  EXPECT_EQ(Ask("POST", "/v1/jobs/job:cancel:cancel").body, "POST /v1/jobs/{job}:cancel [job:cancel]");
  // A job may be called like a verb.
  EXPECT_EQ(Ask("GET", "/v1/jobs/job:cancel").body, "GET /v1/jobs/{job} [job:cancel]");
  EXPECT_EQ(Ask("POST", "/v1/jobs/job:cancel").status, 405u);
  EXPECT_EQ(Ask("POST", "/v1/jobs/:cancel").status, 405u);
  EXPECT_EQ(Ask("POST", "/v1/jobs/job:42cancel").status, 405u);
}

TEST_F(RouterTest, AVerbThatIsUnknownIs404ForEveryMethod) {
  for (const char* path : {"/v1/jobs/job:42:resume", "/v1/jobs/job:42:", "/v1/jobs/job:42:xcancel", "/v1/jobs/job:4:2:Cancel",
                           "/v1/jobs/job:42:cancel/events"}) {
    for (const char* method : {"GET", "POST", "DELETE"}) EXPECT_EQ(Ask(method, path).status, 404u) << method << path;
  }
}

TEST_F(RouterTest, ALiteralGoesBeforeAParameter) {
  EXPECT_EQ(Ask("GET", "/v1/jobs/special").body, "GET /v1/jobs/special []");
}

TEST_F(RouterTest, UnknownPathsAre404) {
  for (const char* path : {"/v1", "/v1/", "/v1/jobs/", "/v1/jobs//events", "/v1/jobs/a/b", "/v1/events/", "/V1/events",
                           "/v1/events:watch:", "//", "/v1/jobs/job:42/events/", "/v1//jobs"}) {
    EXPECT_EQ(Ask("GET", path).status, 404u) << path;
    EXPECT_EQ(Ask("OPTIONS", path).status, 404u) << path;
  }
}

TEST_F(RouterTest, OtherMethodsOfAKnownPathAre405WithAllow) {
  const Response wrong = Ask("DELETE", "/v1/events");
  EXPECT_EQ(wrong.status, 405u);
  EXPECT_THAT(wrong.headers, Contains(Pair("Allow", "GET, HEAD, OPTIONS, POST")));
  EXPECT_THAT(Ask("GET", "/v1/events:watch").headers, Contains(Pair("Allow", "OPTIONS, POST")));
  EXPECT_THAT(Ask("GET", "/v1/jobs/job:42:cancel").headers, Contains(Pair("Allow", "OPTIONS, POST")));
  EXPECT_THAT(Ask("POST", "/v1/jobs/job:42").headers, Contains(Pair("Allow", "GET, HEAD, OPTIONS")));
  EXPECT_EQ(Ask("HEAD", "/v1/events:watch").status, 405u);
}

TEST_F(RouterTest, MethodsThatNoRouteCouldHaveAre501) {
  for (const char* method : {"TRACE", "BREW", "get", "PROPFIND", ""}) EXPECT_EQ(Ask(method, "/v1/events").status, 501u);
}

TEST_F(RouterTest, HeadGoesToTheHandlerOfGet) {
  EXPECT_EQ(Ask("HEAD", "/v1/jobs/job:42").body, "GET /v1/jobs/{job} [job:42]");
}

TEST_F(RouterTest, OptionsIsAnsweredWithAllow) {
  const Response answer = Ask("OPTIONS", "/v1/events:watch");
  EXPECT_EQ(answer.status, 204u);
  EXPECT_THAT(answer.headers, Contains(Pair("Allow", "OPTIONS, POST")));
  EXPECT_EQ(Ask("OPTIONS", "*").status, 204u);
}

TEST_F(RouterTest, APostWithAForeignBodyIs415) {
  const auto post = [&](std::vector<std::pair<std::string, std::string>> headers, std::string body) {
    return Ask({.method = "POST", .path = "/v1/events", .body = std::move(body), .headers = std::move(headers)}).status;
  };
  EXPECT_EQ(post({{"Content-Type", "application/json"}}, "{}"), 200u);
  EXPECT_EQ(post({{"Content-Type", "application/x-ndjson"}}, "{}"), 200u);
  EXPECT_EQ(post({}, ""), 200u);
  EXPECT_EQ(post({}, "{}"), 415u);
  EXPECT_EQ(post({{"Content-Type", "text/plain"}}, "{}"), 415u);
  EXPECT_EQ(post({{"Content-Type", "text/plain"}}, ""), 415u);
  EXPECT_EQ(post({{"Content-Type", "application/json"}, {"Content-Encoding", "gzip"}}, "{}"), 415u);
  EXPECT_EQ(post({{"Content-Type", "application/json"}, {"Content-Encoding", "Identity"}}, "{}"), 200u);
}

TEST(ResponderTest, DroppedWithoutAnAnswerItSaysSoOnce) {
  const auto sink = std::make_shared<FakeSink>();
  {
    Responder first(sink, false);
    Responder second = std::move(first);
    Responder third(sink, false);
    third.Respond({});
    third.OnClientGone([] {});  // a handler may not know yet that it has answered
    Responder fourth(sink, false);
    (void)fourth.TakeSocket();
    (void)fourth.TakeSlot();
  }
  EXPECT_EQ(sink->dropped, 1);
  EXPECT_EQ(sink->answers.size(), 1u);
}

}  // namespace
}  // namespace milepost::edge::http
