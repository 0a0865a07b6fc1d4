// The job of a run between its service and its command.
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "absl/strings/str_cat.h"
#include "tests/support/fake_event_service.h"
#include "tools/milepost/run_job.h"

namespace milepost::tool {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;
using test::FakeEventService;
using test::Log;

constexpr std::chrono::seconds kLimit{20};

// An event in a few words, with its attempt.
std::string Words(const v1::ProgressEvent& event) {
  std::string words = "?";
  if (event.has_status()) words = v1::JobStatus::State_Name(event.status().state());
  if (event.has_control()) words = absl::StrCat(v1::Control::Phase_Name(event.control().phase()), " ", event.control().request());
  if (event.has_failed()) words = "failed";
  if (event.has_completed()) words = "completed";
  return absl::StrCat(words, " #", event.has_attempt() ? event.attempt() : 1);
}

v1::PublishStreamResponse Ask(uint64_t request, const char* job = "job:1") {
  v1::PublishStreamResponse response;
  response.add_commands()->set_request(request);
  response.mutable_commands(0)->set_job(job);
  response.mutable_commands(0)->set_action(v1::Control::RETRY);
  return response;
}

class RunJobTest : public testing::Test {
 protected:
  // Writes what is given, at once or after the first event; notes and acks every event.
  FakeEventService::Script Script(std::vector<v1::PublishStreamResponse> at_once, std::vector<v1::PublishStreamResponse> after_one = {}) {
    return [this, at_once, after_one](test::PublishStream* stream) mutable {
      for (const auto& given : at_once) stream->Write(given);
      v1::PublishStreamRequest request;
      v1::PublishStreamResponse response;
      while (stream->Read(&request)) {
        for (const auto& event : request.batch().events()) {
          stored_.Add(Words(event));
          response.set_acked(response.acked() + 1);
        }
        stream->Write(response);
        if (response.acked() == 0) continue;
        for (const auto& given : std::exchange(after_one, {})) stream->Write(given);
      }
      return grpc::Status::OK;
    };
  }

  static RunJob::Options Options(const FakeEventService& service) {
    return {.report = {.job = "job:1"}, .eventd = service.address(), .lease = std::chrono::seconds(30)};
  }

  static std::optional<uint64_t> WaitForRequest(RunJob& job) {
    pollfd asked{.fd = job.requests_fd(), .events = POLLIN};
    if (poll(&asked, 1, static_cast<int>(std::chrono::milliseconds(kLimit).count())) == 0) return std::nullopt;
    const auto request = job.TakeRequest();
    return request ? std::optional<uint64_t>(request->request()) : std::nullopt;
  }

  Log stored_;
};

TEST_F(RunJobTest, ARequestIsDeliveredBeforeItIsTakenAndAnsweredUnderItsNumber) {
  FakeEventService service({Script({Ask(5, "job:another"), Ask(7), Ask(9)})});
  RunJob job(Options(service));
  EXPECT_THAT(WaitForRequest(job), Optional(7u));
  RunJob::Request request = Ask(7).commands(0);
  job.Honour(request);
  EXPECT_THAT(WaitForRequest(job), Optional(9u));
  job.Refuse(Ask(9).commands(0), "no");
  EXPECT_EQ(job.Close(kLimit).unsettled, 0u);
  EXPECT_THAT(stored_.Wait(4), testing::UnorderedElementsAre("DELIVERED 7 #1", "DELIVERED 9 #1", "HONOURED 7 #1", "REFUSED 9 #1"));
}

TEST_F(RunJobTest, ALostAttemptGoesOnAsTheNextOneAndIsCountedFromThere) {
  v1::PublishStreamResponse lost;
  lost.add_lost()->set_job("job:1");
  lost.mutable_lost(0)->set_attempt(1);
  FakeEventService service({Script({}, {lost})});
  RunJob job(Options(service));
  job.Begin();
  EXPECT_THAT(stored_.Wait(2), ElementsAre("RUNNING #1", "RUNNING #2"));
  job.End({.number = 3});
  job.Again();
  job.Begin();
  job.End({.number = 0});
  EXPECT_EQ(job.Close(kLimit).unsettled, 0u);
  const std::vector<std::string> all = stored_.Wait(6);
  EXPECT_THAT(std::vector<std::string>(all.begin() + 2, all.end()), ElementsAre("failed #2", "QUEUED #3", "RUNNING #3", "completed #3"));
}

}  // namespace
}  // namespace milepost::tool
