// Which jobs a list shows, and which it counts.
#include "services/jobs/job_list.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace milepost::jobs {
namespace {

using ::testing::ElementsAre;
using v1::JobState;

JobPtr MakeJob(uint64_t created, JobState::State state) {
  auto job = std::make_shared<Job>();
  job->created = created;
  job->state.set_job("job:" + std::to_string(created));
  job->state.set_kind("job");
  job->state.set_state(state);
  return job;
}

std::vector<std::string> Names(const JobPage& page) {
  std::vector<std::string> names;
  for (const JobPtr& job : page.jobs) names.push_back(job->name());
  return names;
}

TEST(JobListTest, AJobThatNobodyGaveAStateIsInTheTotalAlone) {
  const std::vector<JobPtr> jobs = {MakeJob(2, JobState::STATE_UNSPECIFIED), MakeJob(1, JobState::RUNNING)};
  const v1::JobCounts counts = Count(jobs);
  EXPECT_EQ(counts.total(), 2u);
  ASSERT_EQ(counts.by_state().size(), 1u);
  EXPECT_EQ(counts.by_state().at("RUNNING"), 1u);
  v1::ListJobsRequest request;
  request.set_state("active");
  EXPECT_THAT(Names(ListPage(jobs, request)), ElementsAre("job:2", "job:1")) << "it has not ended";
}

TEST(JobListTest, CountsAreOfAllStatesWhateverStateIsListed) {
  std::vector<JobPtr> jobs = {MakeJob(5, JobState::RUNNING), MakeJob(4, JobState::COMPLETED), MakeJob(3, JobState::COMPLETED),
                              MakeJob(2, JobState::FAILED)};
  auto other = std::make_shared<Job>(*MakeJob(1, JobState::COMPLETED));
  other->state.set_kind("other");
  jobs.push_back(std::move(other));
  v1::ListJobsRequest request;
  request.set_kind("job");
  request.set_state("active");
  request.set_page_size(1);
  const JobPage page = ListPage(jobs, request);
  EXPECT_THAT(Names(page), ElementsAre("job:5"));
  EXPECT_EQ(page.next, "") << "only what is listed has pages";
  EXPECT_EQ(page.counts.total(), 4u) << "the other filters hold for the counts too";
  EXPECT_EQ(page.counts.by_state().at("COMPLETED"), 2u);
  EXPECT_EQ(page.counts.by_state().at("FAILED"), 1u);
}

TEST(JobListTest, AQueryIsFoundInAnyCaseOfAnyLetters) {
  auto job = std::make_shared<Job>(*MakeJob(1, JobState::RUNNING));
  job->state.set_title("Ärger STRASSE ÉTÉ");
  job->state.set_message("Σίσυφος");
  (*job->state.mutable_labels())["team"] = "ЖУРНАЛ";
  const std::vector<JobPtr> jobs = {job};
  v1::ListJobsRequest request;
  for (const char* query : {"ärger", "ÄRGER", "été", "straße", "ΣΊΣΥΦΟΣ", "журнал"}) {
    request.set_query(query);
    EXPECT_THAT(Names(ListPage(jobs, request)), ElementsAre("job:1")) << query;
  }
  for (const char* query : {"arger", "ete"}) {
    request.set_query(query);
    EXPECT_THAT(ListPage(jobs, request).jobs, ::testing::IsEmpty()) << query;
  }
}

TEST(JobListTest, APageTokenHoldsForTheSameFiltersAlone) {
  const std::vector<JobPtr> jobs = {MakeJob(3, JobState::RUNNING), MakeJob(2, JobState::RUNNING), MakeJob(1, JobState::RUNNING)};
  v1::ListJobsRequest request;
  request.set_kind("job");
  request.set_page_size(1);
  request.set_page_token(ListPage(jobs, request).next);
  request.set_page_size(2);
  EXPECT_TRUE(ValidateList(request).ok()) << "the size of a page is no filter";
  EXPECT_THAT(Names(ListPage(jobs, request)), ElementsAre("job:2", "job:1"));
  for (int field = 0; field < 4; ++field) {
    v1::ListJobsRequest other = request;
    if (field == 0) other.set_resource("user:7");
    if (field == 1) other.clear_kind();
    if (field == 2) other.set_state("active");
    if (field == 3) other.set_query("job");
    EXPECT_EQ(ValidateList(other).code(), absl::StatusCode::kInvalidArgument) << field;
  }
  v1::ListJobsRequest moved = request;
  moved.clear_kind();
  moved.set_state("job");
  EXPECT_FALSE(ValidateList(moved).ok());
  for (const char* token : {"", "2", "2-", "2-0", "-1", "x", "02-0000000000000000"}) {
    request.set_page_token(token);
    EXPECT_FALSE(ValidateList(request).ok()) << token;
  }
}

}  // namespace
}  // namespace milepost::jobs
