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

}  // namespace
}  // namespace milepost::jobs
