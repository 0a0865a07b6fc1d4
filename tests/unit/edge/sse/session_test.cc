// Sessions over feeds: order, once, nothing missed, whatever the order of things.
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/edge/sse/session_world.h"

namespace milepost::edge::sse {
namespace {

TEST(SessionTest, EveryReaderSeesEveryEventOnceInOrderInEveryHistory) {
  const char* const wanted = std::getenv("MILEPOST_SEEDS");
  const uint32_t seeds = wanted != nullptr ? std::atoi(wanted) : 1000;
  uint64_t delivered = 0, resets = 0, reads = 0;
  for (uint32_t seed = 1; seed <= seeds; ++seed) {
    World world(seed);
    for (int step = 0; step < 600 && world.fault().empty(); ++step) world.Step();
    if (world.fault().empty()) world.Settle();
    ASSERT_EQ(world.fault(), "") << "seed " << seed;
    delivered += world.delivered();
    resets += world.resets();
    reads += world.reads();
  }
  // A run in which little happened proves little.
  EXPECT_GT(delivered, seeds * 50);
  EXPECT_GT(resets, seeds / 10);
  EXPECT_GT(reads, seeds * 5);
}

}  // namespace
}  // namespace milepost::edge::sse
