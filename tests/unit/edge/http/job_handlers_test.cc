// The routes about jobs, over a service that is a fake.
#include "edge/http/job_handlers.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/http/router.h"

namespace milepost::edge::http {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

// Keeps what was asked and answers what it is told to.
class FakeService final : public feed::Source {
 public:
  void Read(feed::ReadSpec, ReadDone) override { ADD_FAILURE() << "nothing is to be read"; }
  void Publish(v1::PublishRequest, PublishDone) override { ADD_FAILURE() << "nothing is to be published"; }
  void FeedsChanged() override {}
  bool ready() const override { return true; }
  void GetJob(v1::GetJobRequest request, GetJobDone done) override {
    asked = request.ShortDebugString();
    done(Or(job));
  }
  void ListJobs(v1::ListJobsRequest request, ListJobsDone done) override {
    asked = request.ShortDebugString();
    done(Or(list));
  }
  void ControlJob(v1::ControlJobRequest request, ControlJobDone done) override {
    asked = request.ShortDebugString();
    done(Or(control));
  }

  std::string asked;
  absl::Status status;
  v1::GetJobResponse job;
  v1::ListJobsResponse list;
  v1::ControlJobResponse control;

 private:
  template <typename Message>
  absl::StatusOr<Message> Or(const Message& message) const {
    if (!status.ok()) return status;
    return message;
  }
};

class OneAnswer final : public ResponseSink {
 public:
  void Respond(Response response) override { answer = std::move(response); }
  Socket TakeSocket() override { return Socket(context_.get_executor()); }
  ConnectionSlot TakeSlot() override { return {}; }
  void OnClientGone(std::function<void()>) override {}
  void Dropped(std::shared_ptr<ResponseSink>) override { ADD_FAILURE() << "no answer"; }

  std::optional<Response> answer;

 private:
  boost::asio::io_context context_;
};

class JobHandlersTest : public testing::Test {
 protected:
  JobHandlersTest() { AddJobRoutes(router_, service_); }

  Response Ask(Request request) {
    const auto sink = std::make_shared<OneAnswer>();
    router_.Handle(std::move(request), Responder(sink, false));
    return sink->answer.value_or(Response{.status = 0});
  }
  Response Get(const std::string& path, std::string query = "") {
    return Ask({.method = "GET", .path = path, .query = std::move(query)});
  }
  Response Post(const std::string& path, std::string body = "") {
    Request request{.method = "POST", .path = path, .body = std::move(body)};
    if (!request.body.empty()) request.headers = {{"Content-Type", "application/json"}};
    return Ask(std::move(request));
  }

  FakeService service_;
  Router router_;
};

TEST_F(JobHandlersTest, OneJobIsItsStateWithAnEtagFromItsCursor) {
  v1::JobState& state = *service_.job.mutable_job();
  state.set_job("job:42");
  state.set_state(v1::JobState::RUNNING);
  state.set_overall(0.25);
  state.set_cursor("abcd1234-7");
  const Response answer = Get("/v1/jobs/job:42");
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(answer.body, R"({"job":"job:42","state":"RUNNING","overall":0.25,"cursor":"abcd1234-7"})");
  EXPECT_THAT(answer.headers, Contains(Pair("Content-Type", "application/json")));
  EXPECT_THAT(answer.headers, Contains(Pair("ETag", "W/\"abcd1234-7\"")));
  EXPECT_EQ(service_.asked, "job: \"job:42\"");

  Request again{.method = "GET", .path = "/v1/jobs/job:42", .headers = {{"If-None-Match", "\"x\", W/\"abcd1234-7\""}}};
  EXPECT_EQ(Ask(again).status, 304u);
  state.set_cursor("abcd1234-8");
  EXPECT_EQ(Ask(again).status, 200u);
}

TEST_F(JobHandlersTest, UnknownIs404AndMalformedIs400) {
  service_.status = absl::NotFoundError("job: there is none");
  EXPECT_EQ(Get("/v1/jobs/job:42").status, 404u);
  EXPECT_EQ(Post("/v1/jobs/job:42:cancel").status, 404u);
  service_.asked.clear();
  for (const char* path : {"/v1/jobs/job", "/v1/jobs/job:*", "/v1/jobs/JOB:1"}) EXPECT_EQ(Get(path).status, 400u) << path;
  EXPECT_EQ(Get("/v1/jobs/job:1", "a=b").status, 400u);
  EXPECT_EQ(Post("/v1/jobs/JOB:1:cancel").status, 400u);
  EXPECT_EQ(service_.asked, "") << "what is malformed costs the service nothing";
}

TEST_F(JobHandlersTest, AListHasAllMembers) {
  EXPECT_EQ(Get("/v1/jobs").body, R"({"jobs":[],"counts":{"byState":{},"total":0}})");
  service_.list.add_jobs()->set_job("job:2");
  service_.list.add_jobs()->set_job("job:1");
  service_.list.set_next_page_token("t\"");
  service_.list.mutable_counts()->set_total(9);
  (*service_.list.mutable_counts()->mutable_by_state())["RUNNING"] = 9;
  EXPECT_EQ(Get("/v1/jobs", "state=active&page_size=2").body,
            R"({"jobs":[{"job":"job:2"},{"job":"job:1"}],"nextPageToken":"t\"","counts":{"byState":{"RUNNING":9},"total":9}})");
  EXPECT_EQ(service_.asked, "state: \"active\" page_size: 2");
  EXPECT_EQ(Get("/v1/jobs", "page_size=0").status, 400u);
}

std::string EtagOf(const Response& response) {
  for (const auto& [name, value] : response.headers) {
    if (name == "ETag") return value;
  }
  return "";
}

TEST_F(JobHandlersTest, AListsEtagFollowsWhatIsInIt) {
  v1::JobState& state = *service_.list.add_jobs();
  state.set_job("job:1");
  for (const char* key : {"a", "b", "c", "d"}) (*state.mutable_labels())[key] = "x";
  const std::string etag = EtagOf(Get("/v1/jobs"));
  ASSERT_NE(etag, "");
  // The order of a map's entries is not part of it.
  state.clear_labels();
  for (const char* key : {"d", "c", "b", "a"}) (*state.mutable_labels())[key] = "x";
  EXPECT_EQ(EtagOf(Get("/v1/jobs")), etag);
  EXPECT_EQ(Ask({.method = "GET", .path = "/v1/jobs", .headers = {{"If-None-Match", etag}}}).status, 304u);
  (*state.mutable_labels())["a"] = "y";
  EXPECT_NE(EtagOf(Get("/v1/jobs")), etag);
}

TEST_F(JobHandlersTest, ARequestIsAnsweredWithItsNumber) {
  service_.control.set_job("job:42");
  service_.control.set_request(9'007'199'254'740'993);
  service_.control.set_phase(v1::Control::DELIVERED);
  const Response answer = Post("/v1/jobs/job:42:cancel", R"({"reason":"enough"})");
  EXPECT_EQ(answer.status, 202u);
  EXPECT_EQ(answer.body, R"({"job":"job:42","request":"9007199254740993","phase":"DELIVERED"})");
  EXPECT_EQ(service_.asked, R"(job: "job:42" action: CANCEL reason: "enough")");
  const std::vector<std::pair<std::string, std::string>> verbs = {{"pause", "PAUSE"}, {"resume", "RESUME"}, {"retry", "RETRY"}};
  for (const auto& [verb, action] : verbs) {
    EXPECT_EQ(Post("/v1/jobs/job:42:" + verb).status, 202u);
    EXPECT_THAT(service_.asked, HasSubstr("action: " + action));
  }
}

TEST_F(JobHandlersTest, WhatTheJobsStateDoesNotAllowIs409AndAServiceThatIsAway503) {
  service_.status = absl::FailedPreconditionError("state: it has ended");
  EXPECT_EQ(Post("/v1/jobs/job:42:cancel").status, 409u);
  service_.status = absl::UnavailableError("away");
  for (const Response& answer : {Post("/v1/jobs/job:42:cancel"), Get("/v1/jobs"), Get("/v1/jobs/job:42")}) {
    EXPECT_EQ(answer.status, 503u);
    EXPECT_THAT(answer.headers, Contains(Pair("Retry-After", testing::_)));
    EXPECT_THAT(answer.headers, Contains(Pair("Content-Type", "application/problem+json")));
  }
}

TEST_F(JobHandlersTest, ABodyIsJson) {
  const auto post = [this](const char* type) {
    return Ask({.method = "POST", .path = "/v1/jobs/job:42:cancel", .body = "{}", .headers = {{"Content-Type", type}}}).status;
  };
  EXPECT_EQ(post("application/json; charset=utf-8"), 202u);
  EXPECT_EQ(post("application/x-ndjson"), 415u);
  EXPECT_EQ(post("text/plain"), 415u);
  EXPECT_EQ(Post("/v1/jobs/job:42:cancel", R"({"actor":"eve"})").status, 400u);
}

TEST_F(JobHandlersTest, APageOfAnotherSiteMayAskForNothing) {
  const auto post = [this](const char* site) {
    return Ask({.method = "POST", .path = "/v1/jobs/job:42:cancel", .headers = {{"Sec-Fetch-Site", site}}}).status;
  };
  EXPECT_EQ(post("cross-site"), 403u);
  EXPECT_EQ(service_.asked, "");
  EXPECT_EQ(post("same-origin"), 202u);
  EXPECT_EQ(post("none"), 202u);
}

TEST_F(JobHandlersTest, OtherVerbsAre404AndOtherMethods405) {
  EXPECT_EQ(Post("/v1/jobs/job:42:explode").status, 404u);
  EXPECT_EQ(Get("/v1/jobs/job:42:explode").status, 404u);
  const Response answer = Get("/v1/jobs/job:42:cancel");
  EXPECT_EQ(answer.status, 405u);
  EXPECT_THAT(answer.headers, Contains(Pair("Allow", "OPTIONS, POST")));
  EXPECT_EQ(Post("/v1/jobs/job:42").status, 405u);
  EXPECT_EQ(Post("/v1/jobs").status, 405u);
}

}  // namespace
}  // namespace milepost::edge::http
