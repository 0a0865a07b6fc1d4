#include "tools/bench/producers/job_plan.h"

#include <gtest/gtest.h>

#include <map>

namespace milepost::bench {
namespace {

TEST(JobPlanTest, WithoutEndAProducerKeepsItsJobs) {
  const JobPlan plan{.producers = 3, .live = 2};
  EXPECT_EQ(plan.EventOf(1, 0, 9).job, 1u);
  EXPECT_EQ(plan.EventOf(1, 1, 9).job, 4u);
  EXPECT_EQ(plan.EventOf(1, 2, 9).job, 1u);
  EXPECT_EQ(plan.EventOf(1, 2, 9).number, 2u);
  EXPECT_EQ(plan.EventOf(1, 2, 9).published, 9);
  EXPECT_FALSE(plan.EventOf(1, 1'000'000, 9).ends);
}

TEST(JobPlanTest, EveryJobGetsItsEventsInOrderFromOneProducer) {
  const JobPlan plan{.producers = 2, .live = 3, .events_per_job = 5, .first_number = 2, .completes = true};
  std::map<uint32_t, uint64_t> newest;
  for (uint32_t producer = 0; producer < 2; ++producer) {
    for (uint64_t i = 0; i < 2 * 3 * 5; ++i) {
      const BenchEvent event = plan.EventOf(producer, i, 0);
      EXPECT_EQ(event.job % 2, producer);
      uint64_t& last = newest.emplace(event.job, 1).first->second;
      EXPECT_EQ(event.number, ++last);
      EXPECT_EQ(event.ends, event.number == 6);
    }
  }
  EXPECT_EQ(newest.size(), 12u);
  for (const auto& [job, last] : newest) EXPECT_EQ(last, 6u) << job;
}

}  // namespace
}  // namespace milepost::bench
