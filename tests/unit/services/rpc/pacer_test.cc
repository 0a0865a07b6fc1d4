#include "services/rpc/pacer.h"

#include <algorithm>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace milepost::rpc {
namespace {

using std::chrono::hours;
using Clock = Pacer::Clock;

TEST(PacerTest, WhoComesByRunsWhatIsDueInOrderOnItsThread) {
  Pacer pacer;
  // Due only just now, so that the pacer's thread leaves them alone for its grace; it may still be quicker than a stopped test.
  std::vector<int> order;
  std::vector<std::thread::id> threads;
  std::mutex mutex;
  const auto write = [&](int i) {
    return [&, i] {
      const std::lock_guard lock(mutex);
      order.push_back(i);
      threads.push_back(std::this_thread::get_id());
    };
  };
  size_t taken_here = 0;
  for (int round = 0; round < 100 && taken_here < 2; ++round) {
    {
      const std::lock_guard lock(mutex);
      order.clear();
      threads.clear();
    }
    const auto now = Clock::now();
    pacer.Schedule(now, write(2));
    pacer.Schedule(now - std::chrono::microseconds(1), write(1));
    pacer.RunDue();
    const std::lock_guard lock(mutex);
    taken_here = std::count(threads.begin(), threads.end(), std::this_thread::get_id());
    if (taken_here != 2) continue;
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
  }
  EXPECT_EQ(taken_here, 2u);
}

TEST(PacerTest, WhatNobodyTakesRunsByItself) {
  Pacer pacer;
  for (int i = 0; i < 3; ++i) {  // also when the thread has gone to sleep, or not yet
    std::promise<void> ran;
    pacer.Schedule(Clock::now(), [&] { ran.set_value(); });
    EXPECT_EQ(ran.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  }
}

TEST(PacerTest, NothingRunsBeforeItIsDue) {
  int ran = 0;
  {
    Pacer pacer;
    pacer.Schedule(Clock::now() + hours(1), [&] { ++ran; });
    std::promise<void> later;
    pacer.Schedule(Clock::now(), [&] { later.set_value(); });
    later.get_future().wait();
    pacer.RunDue();
  }
  EXPECT_EQ(ran, 0);
}

}  // namespace
}  // namespace milepost::rpc
