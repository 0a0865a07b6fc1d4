// Jobs over gRPC: states, lists, snapshots with their tails, requests to workers, leases.
#include <atomic>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "milepost/v1/job_service.grpc.pb.h"
#include "proto/contract/job_state.h"
#include "tests/integration/service_test_support.h"
#include "tests/support/temp_dir.h"

namespace milepost::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using v1::Control;
using v1::JobState;

const std::string kId(32, 'a');

v1::ProgressEvent Status(const std::string& job, v1::JobStatus::State state, const std::string& resource = "") {
  v1::ProgressEvent event;
  event.set_job(job);
  event.mutable_status()->set_state(state);
  if (!resource.empty()) event.add_resources(resource);
  return event;
}

v1::ProgressEvent Progress(const std::string& job, double fraction) {
  v1::ProgressEvent event;
  event.set_job(job);
  event.mutable_progress()->set_step("a");
  event.mutable_progress()->set_fraction(fraction);
  return event;
}

v1::ProgressEvent Completed(const std::string& job) {
  v1::ProgressEvent event;
  event.set_job(job);
  event.mutable_completed();
  return event;
}

v1::ProgressEvent Reply(const v1::PublishStreamResponse::Command& command, Control::Phase phase) {
  v1::ProgressEvent event;
  event.set_job(command.job());
  event.mutable_control()->set_request(command.request());
  event.mutable_control()->set_action(command.action());
  event.mutable_control()->set_phase(phase);
  return event;
}

class JobTest : public ::testing::Test {
 protected:
  explicit JobTest(eventd::Options options = {}) : service_(std::move(options)) {}
  void SetUp() override { ASSERT_TRUE(service_.ok()); }

  grpc::Status Get(const std::string& job, JobState* state) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::GetJobRequest request;
    request.set_job(job);
    v1::GetJobResponse response;
    const grpc::Status status = jobs_->GetJob(&context, request, &response);
    *state = response.job();
    return status;
  }

  grpc::Status List(const v1::ListJobsRequest& request, v1::ListJobsResponse* response) {
    grpc::ClientContext context;
    SetDeadline(&context);
    return jobs_->ListJobs(&context, request, response);
  }

  grpc::Status Ask(const std::string& job, Control::Action action, uint64_t* request_seq = nullptr, int deadline_s = 0) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::ControlJobRequest request;
    request.set_job(job);
    request.set_action(action);
    if (deadline_s != 0) request.mutable_deadline()->set_seconds(time(nullptr) + deadline_s);
    v1::ControlJobResponse response;
    const grpc::Status status = jobs_->ControlJob(&context, request, &response);
    if (request_seq != nullptr) *request_seq = response.request();
    return status;
  }

  Service service_;
  std::unique_ptr<v1::EventService::Stub> stub_ = service_.NewStub();
  std::unique_ptr<v1::JobService::Stub> jobs_ = v1::JobService::NewStub(service_.NewChannel());
};

TEST_F(JobTest, AJobIsAnsweredAsItsEventsMakeIt) {
  Publish(*stub_, {Status("job:1", v1::JobStatus::RUNNING, "user:7"), Progress("job:1", 0.5)});
  JobState state;
  ASSERT_TRUE(Get("job:1", &state).ok());
  EXPECT_EQ(state.state(), JobState::RUNNING);
  EXPECT_EQ(state.steps(0).fraction(), 0.5);
  EXPECT_EQ(state.cursor(), service_.hub().CursorAt(2));
  const grpc::Status unknown = Get("job:2", &state);
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(unknown.error_message(), "job: \"job:2\" is not known");
  EXPECT_EQ(Get("job:*", &state).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(JobTest, WhatCannotFollowIsRejectedWithTheReason) {
  Publish(*stub_, {Completed("job:1")});
  const auto late = Publish(*stub_, {Progress("job:1", 0.5)});
  EXPECT_EQ(late.results(0).error().code(), 9);
  EXPECT_EQ(late.results(0).error().message(), "job:1 has ended: attempt 1 is completed; another run needs another name");
}

TEST_F(JobTest, ListsFilterCountAndPage) {
  for (int i = 0; i < 25; ++i) {
    auto event = Status("job:" + std::to_string(i), i % 5 == 0 ? v1::JobStatus::QUEUED : v1::JobStatus::RUNNING,
                        i % 2 ? "user:1" : "user:2");
    event.mutable_status()->set_title("Title " + std::to_string(i));
    event.mutable_status()->set_kind(i < 10 ? "video" : "audio");
    Publish(*stub_, {event});
  }
  Publish(*stub_, {Completed("job:24")});
  v1::ListJobsRequest request;
  request.set_resource("user:1");
  request.set_page_size(5);
  std::vector<std::string> names;
  int pages = 0;
  while (true) {
    v1::ListJobsResponse page;
    ASSERT_TRUE(List(request, &page).ok());
    ++pages;
    EXPECT_EQ(page.counts().total(), 12u);
    EXPECT_EQ(page.counts().by_state().at("QUEUED"), 2u);
    for (const JobState& job : page.jobs()) names.push_back(job.job());
    if (!page.has_next_page_token()) break;
    request.set_page_token(page.next_page_token());
    Publish(*stub_, {Status("job:new" + std::to_string(pages), v1::JobStatus::PAUSED)});  // not in the way
  }
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(names, ElementsAre("job:23", "job:21", "job:19", "job:17", "job:15", "job:13", "job:11", "job:9", "job:7",
                                 "job:5", "job:3", "job:1"));
  const auto count = [&](const char* state, const char* kind, const char* query) {
    v1::ListJobsRequest filter;
    if (*state) filter.set_state(state);
    if (*kind) filter.set_kind(kind);
    filter.set_query(query);
    filter.set_resource("user:*");
    v1::ListJobsResponse page;
    EXPECT_TRUE(List(filter, &page).ok());
    if (!*state) {
      EXPECT_EQ(static_cast<uint32_t>(page.jobs_size()), page.counts().total());
    }
    return page.jobs_size();
  };
  EXPECT_EQ(count("", "", ""), 25);
  EXPECT_EQ(count("active", "", ""), 24);
  EXPECT_EQ(count("ended", "", ""), 1);
  EXPECT_EQ(count("queued", "video", ""), 2);
  EXPECT_EQ(count("", "", "tITLE 2"), 6);
  for (const char* bad : {"finished", "RUNNING", "state_unspecified", ""}) {
    v1::ListJobsRequest filter;
    filter.set_state(bad);
    v1::ListJobsResponse page;
    EXPECT_EQ(List(filter, &page).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << bad;
  }
}

// Folds the snapshot and the tail of `user:7` until its job "job:end" is seen.
std::map<std::string, JobState> FoldFromSnapshot(v1::EventService::Stub& stub, std::atomic<int>* attached) {
  v1::SubscribeRequest request;
  request.add_resources("user:7");
  request.set_snapshot(true);
  Reader reader(stub, request);
  ++*attached;
  std::map<std::string, JobState> folded;
  uint64_t position = std::stoull(reader.first().position().substr(9));
  for (const v1::Snapshot& snapshot : reader.first().snapshots()) {
    EXPECT_EQ(snapshot.cursor(), reader.first().position());
    for (const JobState& job : snapshot.jobs()) folded[job.job()] = job;
  }
  v1::SubscribeResponse response;
  while (!folded.contains("job:end") && reader.Next(&response)) {
    for (const v1::ProgressEvent& event : response.events()) {
      EXPECT_GT(event.seq(), position) << "no overlap, each once";
      position = event.seq();
      contract::Reduce(event, &folded[event.job()]);
    }
  }
  return folded;
}

TEST_F(JobTest, ASnapshotAndItsTailFitExactlyWhileOthersPublish) {
  constexpr int kReaders = 30, kJobs = 20;
  std::atomic<int> attached = 0;
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    const auto stub = service_.NewStub();
    for (int i = 0; attached < kReaders || i < 500; ++i) {
      const std::string job = "job:" + std::to_string(i % kJobs);
      Publish(*stub, {i < kJobs ? Status(job, v1::JobStatus::RUNNING, "user:7") : Progress(job, i % 100 / 100.0)});
    }
    for (int i = 0; i < kJobs; i += 2) Publish(*stub, {Completed("job:" + std::to_string(i))});
    Publish(*stub, {Status("job:end", v1::JobStatus::RUNNING, "user:7")});
  });
  std::vector<std::map<std::string, JobState>> folded(kReaders);
  for (int i = 0; i < kReaders; ++i) {
    threads.emplace_back([&, i] { folded[i] = FoldFromSnapshot(*service_.NewStub(), &attached); });
  }
  for (std::thread& thread : threads) thread.join();
  for (auto& jobs : folded) {
    EXPECT_EQ(jobs.size(), kJobs + 1u);
    for (auto& [name, state] : jobs) {
      JobState served;
      ASSERT_TRUE(Get(name, &served).ok());
      served.clear_cursor();
      state.clear_cursor();
      ASSERT_EQ(state.DebugString(), served.DebugString());
    }
  }
}

TEST_F(JobTest, AnExpiredCursorIsAnsweredWithSnapshotsThatHoldTheResult) {
  Publish(*stub_, {Completed("job:1")});
  v1::SubscribeRequest request;
  request.add_resources("job:1");
  request.set_cursor("otherlog-5");
  Reader reader(*stub_, request);
  EXPECT_EQ(reader.first().reset().reason(), v1::Reset::EPOCH);
  ASSERT_THAT(reader.first().snapshots(), SizeIs(1));
  EXPECT_EQ(reader.first().snapshots(0).jobs(0).state(), JobState::COMPLETED);
}

TEST_F(JobTest, ARequestReachesTheWorkerAndItsAnswersEndIt) {
  Producer worker(*stub_, kId);
  ASSERT_TRUE(worker.Send(1, {Status("job:1", v1::JobStatus::RUNNING)}));
  ASSERT_TRUE(worker.WaitAcked(1));
  uint64_t request = 0, again = 0;
  ASSERT_TRUE(Ask("job:1", Control::CANCEL, &request).ok());
  ASSERT_TRUE(Ask("job:1", Control::CANCEL, &again).ok());
  EXPECT_EQ(request, again);
  ASSERT_TRUE(worker.WaitCommands(1));
  EXPECT_EQ(worker.commands()[0].request(), request);
  EXPECT_EQ(worker.commands()[0].job(), "job:1");
  v1::ProgressEvent cancelled;
  cancelled.set_job("job:1");
  cancelled.mutable_cancelled();
  ASSERT_TRUE(worker.Send(2, {Reply(worker.commands()[0], Control::DELIVERED), Reply(worker.commands()[0], Control::HONOURED),
                              Reply(worker.commands()[0], Control::REFUSED), cancelled}));
  ASSERT_TRUE(worker.WaitAcked(5));
  ASSERT_THAT(worker.rejections(), SizeIs(1));
  EXPECT_EQ(worker.rejections()[0].number(), 4u);
  EXPECT_THAT(worker.commands(), SizeIs(1)) << "asked twice, told once";
  JobState state;
  ASSERT_TRUE(Get("job:1", &state).ok());
  EXPECT_EQ(state.state(), JobState::CANCELLED);
  const grpc::Status late = Ask("job:1", Control::CANCEL);
  EXPECT_EQ(late.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(late.error_message(), "cancel: job:1 has ended: it is cancelled");
}

TEST_F(JobTest, ARequestWaitsForAWorkerThatIsAway) {
  {
    Producer worker(*stub_, kId);
    ASSERT_TRUE(worker.Send(1, {Status("job:1", v1::JobStatus::RUNNING)}));
    ASSERT_TRUE(worker.WaitAcked(1));
    worker.Cancel();
    worker.Finish();
  }
  uint64_t request = 0;
  ASSERT_TRUE(Ask("job:1", Control::PAUSE, &request).ok());
  Producer worker(*stub_, kId);
  ASSERT_THAT(worker.commands(), SizeIs(1)) << "with the answer to hello";
  EXPECT_EQ(worker.commands()[0].request(), request);
}

TEST_F(JobTest, BadRequestsNameTheField) {
  Publish(*stub_, {Status("job:1", v1::JobStatus::RUNNING)});
  EXPECT_EQ(Ask("job:9", Control::CANCEL).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Ask("job", Control::CANCEL).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(Ask("job:1", Control::ACTION_UNSPECIFIED).error_message(), HasSubstr("action: is required"));
  EXPECT_THAT(Ask("job:1", Control::CANCEL, nullptr, -5).error_message(), HasSubstr("deadline: "));
  EXPECT_THAT(Ask("job:1", Control::CANCEL, nullptr, 100'000).error_message(), HasSubstr("deadline: is out of range"));
  EXPECT_EQ(Ask("job:1", Control::RETRY).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

// A request that nobody answers, a worker that vanishes: the service's own clock, with times of a second.
class JobClockTest : public JobTest {
 protected:
  JobClockTest() : JobTest([] {
    eventd::Options options;
    options.lost_after = std::chrono::seconds(1);
    return options;
  }()) {}
};

TEST_F(JobClockTest, AnUnansweredRequestTimesOutOnce) {
  Producer worker(*stub_, kId);
  ASSERT_TRUE(worker.Send(1, {Status("job:1", v1::JobStatus::RUNNING)}));
  ASSERT_TRUE(worker.WaitAcked(1));
  v1::SubscribeRequest follow;
  follow.add_resources("job:1");
  Reader reader(*stub_, follow);
  uint64_t request = 0;
  ASSERT_TRUE(Ask("job:1", Control::CANCEL, &request, 2).ok());
  const auto events = reader.Events(2);
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].control().phase(), Control::REQUESTED);
  EXPECT_EQ(events[1].control().phase(), Control::TIMED_OUT);
  EXPECT_EQ(events[1].control().request(), request);
}

TEST_F(JobClockTest, AVanishedWorkersJobStallsThenFailsAndTheWorkerIsTold) {
  v1::SubscribeRequest follow;
  follow.add_resources("job:1");
  Reader reader(*stub_, follow);
  {
    Producer worker(*stub_);
    ASSERT_TRUE(worker.Hello(kId, 1));
    ASSERT_TRUE(worker.Send(1, {Status("job:1", v1::JobStatus::RUNNING)}));
    ASSERT_TRUE(worker.WaitAcked(1));
    worker.Cancel();
    worker.Finish();
  }
  const auto events = reader.Events(3);
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(events[1].status().state(), v1::JobStatus::STALLED);
  EXPECT_THAT(events[1].status().message(), HasSubstr("the worker's connection is lost"));
  EXPECT_EQ(events[2].failed().code(), "WORKER_LOST");
  EXPECT_TRUE(events[2].failed().retryable());
  Producer worker(*stub_, kId);
  ASSERT_THAT(worker.lost(), SizeIs(1));
  EXPECT_EQ(worker.lost()[0].job(), "job:1");
  ASSERT_TRUE(worker.Send(2, {Progress("job:1", 0.5)}));
  ASSERT_TRUE(worker.WaitAcked(2));
  EXPECT_THAT(worker.rejections(), SizeIs(1)) << "its attempt is over";
}

TEST_F(JobClockTest, AHalfClosedStreamReleasesTheLease) {
  {
    Producer worker(*stub_);
    ASSERT_TRUE(worker.Hello(kId, 1));
    ASSERT_TRUE(worker.Send(1, {Status("job:1", v1::JobStatus::RUNNING)}));
    ASSERT_TRUE(worker.WaitAcked(1));
    worker.WritesDone();
    ASSERT_TRUE(worker.Finish().ok());
  }
  // A second worker that vanishes in the same way, but for the word, shows that the time has passed.
  {
    Producer worker(*stub_);
    ASSERT_TRUE(worker.Hello(std::string(32, 'b'), 1));
    ASSERT_TRUE(worker.Send(1, {Status("job:2", v1::JobStatus::RUNNING)}));
    ASSERT_TRUE(worker.WaitAcked(1));
    worker.Cancel();
    worker.Finish();
  }
  v1::SubscribeRequest follow;
  follow.add_resources("job:*");
  follow.set_cursor("earliest");
  Reader reader(*stub_, follow);
  const auto events = reader.Events(4);
  ASSERT_THAT(events, SizeIs(4));
  EXPECT_EQ(events[2].job(), "job:2");
  EXPECT_EQ(events[3].job(), "job:2");
  EXPECT_TRUE(events[3].has_failed());
  JobState state;
  ASSERT_TRUE(Get("job:1", &state).ok());
  EXPECT_EQ(state.state(), JobState::RUNNING);
}

// On disk, across starts.
TEST(JobStoreTest, JobsRequestsAndReleasedLeasesOutliveTheService) {
  const TempDir dir;
  eventd::Options options;
  options.store_dir = dir.path();
  options.lost_after = std::chrono::seconds(1);
  options.min_free_bytes = 0;
  uint64_t request = 0;
  {
    Service service(options);
    ASSERT_TRUE(service.ok());
    const auto stub = service.NewStub();
    Producer worker(*stub, kId), released(*stub, std::string(32, 'b'));
    ASSERT_TRUE(worker.Send(1, {Status("job:1", v1::JobStatus::RUNNING)}));
    ASSERT_TRUE(worker.WaitAcked(1));
    ASSERT_TRUE(released.Send(1, {Status("job:2", v1::JobStatus::RUNNING)}));
    released.WritesDone();
    ASSERT_TRUE(released.Finish().ok());
    Producer patient(*stub);
    ASSERT_TRUE(patient.Hello(std::string(32, 'c'), 90));
    ASSERT_TRUE(patient.Send(1, {Status("job:3", v1::JobStatus::RUNNING)}));
    ASSERT_TRUE(patient.WaitAcked(1));
    const auto jobs = v1::JobService::NewStub(service.NewChannel());
    grpc::ClientContext context;
    v1::ControlJobRequest ask;
    ask.set_job("job:1");
    ask.set_action(Control::CANCEL);
    v1::ControlJobResponse answer;
    ASSERT_TRUE(jobs->ControlJob(&context, ask, &answer).ok());
    request = answer.request();
    service.Stop();
  }
  Service service(options);
  ASSERT_TRUE(service.ok());
  const auto stub = service.NewStub();
  EXPECT_EQ(service.hub().FindJob("job:1")->state.state(), JobState::RUNNING);
  EXPECT_TRUE(service.hub().Released(std::string(32, 'b')));
  EXPECT_FALSE(service.hub().Released(kId));
  EXPECT_EQ(service.hub().LeaseNanos(kId), 0) << "the default";
  EXPECT_EQ(service.hub().LeaseNanos(std::string(32, 'c')), 90'000'000'000);
  Producer worker(*stub, kId);
  ASSERT_THAT(worker.commands(), SizeIs(1));
  EXPECT_EQ(worker.commands()[0].request(), request);
}

}  // namespace
}  // namespace milepost::testing
