// What queued jobs are told while others start.
#include "services/jobs/queue_watch.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/services/jobs/watch_fixture.h"

namespace milepost::jobs {
namespace {

using v1::JobState;

class QueueWatchTest : public WatchTest {
 protected:
  void Tell(JobState::State state, int number, std::optional<uint32_t> position = std::nullopt, const std::string& kind = "job") {
    v1::ProgressEvent event = Status(state, NameOf(number));
    event.mutable_status()->set_kind(kind);
    if (position) event.mutable_status()->set_queue_position(*position);
    Put(std::move(event), 0);
  }
  void Put(v1::ProgressEvent event, uint64_t only_after) {
    Input input{.seq = ++seq_, .commit_nanos = kWallStart + now_, .event = &event, .only_after = only_after};
    if (fold_.Apply(input).is_event) log_.push_back(event);
    queues_.OnJobs(fold_.TakeChanges(), now_);
  }
  void Wait(int64_t nanos) {
    for (const int64_t end = now_ + nanos; now_ < end;) {
      now_ += kSecond;
      for (Saying& saying : queues_.Due(now_)) {
        ++said_;
        Put(std::move(saying.event), saying.only_after);
      }
    }
  }
  static std::string NameOf(int number) { return "job:" + std::to_string(number); }
  const v1::JobState& StateOf(int number) { return (job_ = Job(NameOf(number)))->state; }

  QueueWatch queues_;
  JobPtr job_;
};

TEST_F(QueueWatchTest, PlacesAndTimesToTheStartFollowAsOthersStart) {
  for (int i = 0; i < 12; ++i) Tell(JobState::QUEUED, i, i);
  EXPECT_FALSE(StateOf(11).has_start_eta());
  for (int i = 0; i < 6; ++i) {
    Wait(10 * kSecond);
    Tell(JobState::RUNNING, i);
  }
  Wait(6 * kSecond);
  EXPECT_EQ(StateOf(6).queue_position(), 0u);
  EXPECT_EQ(StateOf(7).queue_position(), 1u);
  EXPECT_NEAR(StateOf(11).queue_position(), 5, 1) << "a fifth is little";
  for (int i = 6; i < 12; ++i) {
    ASSERT_TRUE(StateOf(i).has_start_eta()) << i;
    const double left = StateOf(i).start_eta().seconds() - static_cast<double>(kWallStart + now_) / kSecond +
                        StateOf(i).update_time().seconds();
    EXPECT_NEAR(left, 4 + 10 * (i - 6), 12) << i;
  }
}

TEST_F(QueueWatchTest, AJobGetsFewEventsHoweverLongTheQueue) {
  constexpr int kJobs = 300;
  for (int i = 0; i < kJobs; ++i) Tell(JobState::QUEUED, i, i);
  for (int i = 0; i < kJobs - 1; ++i) {
    Wait(10 * kSecond);
    Tell(JobState::RUNNING, i);
  }
  Wait(10 * kSecond);
  EXPECT_EQ(StateOf(kJobs - 1).queue_position(), 0u);
  const auto told = std::count_if(log_.begin(), log_.end(), [&](const auto& e) { return e.job() == NameOf(kJobs - 1); });
  EXPECT_LE(told, 35);
  EXPECT_EQ(queues_.size(), 1u);
}

TEST_F(QueueWatchTest, WhereNothingStartsNothingIsSaid) {
  for (int i = 0; i < 12; ++i) Tell(JobState::QUEUED, i, i);
  Wait(kMinute);
  Tell(JobState::CANCELLED, 0);
  Wait(kMinute);
  EXPECT_EQ(said_, 0);
}

TEST_F(QueueWatchTest, AStartOfAnotherKindMovesNobody) {
  for (int i = 0; i < 5; ++i) Tell(JobState::QUEUED, i, i, "other");
  for (int i = 5; i < 10; ++i) Tell(JobState::QUEUED, i, i - 5);
  for (int i = 0; i < 5; ++i) Tell(JobState::RUNNING, i, std::nullopt, "other");
  Wait(kMinute);
  EXPECT_EQ(said_, 0);
  EXPECT_EQ(StateOf(9).queue_position(), 4u);
}

TEST_F(QueueWatchTest, APlaceThatWasToldAnewCountsFromThen) {
  for (int i = 0; i < 10; ++i) Tell(JobState::QUEUED, i, i);
  for (int i = 0; i < 5; ++i) Tell(JobState::RUNNING, i);
  Wait(kSecond);
  Tell(JobState::QUEUED, 9, 9);  // others were let in before it
  Tell(JobState::RUNNING, 5);
  Tell(JobState::RUNNING, 6);
  Wait(10 * kSecond);
  EXPECT_EQ(StateOf(9).queue_position(), 7u);
}

TEST_F(QueueWatchTest, WithoutAPlaceItIsSaidOnceThatJobsStart) {
  for (int i = 0; i < 10; ++i) Tell(JobState::QUEUED, i);
  Wait(kMinute);
  for (int i = 0; i < 4; ++i) Tell(JobState::RUNNING, i);
  Wait(2 * kMinute);
  EXPECT_EQ(said_, 6) << "one for each that waits";
}

TEST_F(QueueWatchTest, WhatRanOutIsSaidAnewUntilNothingIsKnown) {
  for (int i = 0; i < 8; ++i) Tell(JobState::QUEUED, i, i);
  for (int i = 0; i < 6; ++i) {
    Wait(10 * kSecond);
    Tell(JobState::RUNNING, i);
  }
  Wait(6 * kSecond);
  ASSERT_TRUE(StateOf(7).has_start_eta());
  Wait(5 * kMinute);
  EXPECT_FALSE(StateOf(6).has_start_eta()) << "nothing starts any more";
  EXPECT_FALSE(StateOf(7).has_start_eta());
  const int said = said_;
  Wait(10 * kMinute);
  EXPECT_EQ(said_, said);
}

TEST_F(QueueWatchTest, AJobThatMovedOnIsLeftAlone) {
  for (int i = 0; i < 8; ++i) Tell(JobState::QUEUED, i, i);
  for (int i = 0; i < 6; ++i) Tell(JobState::RUNNING, i);
  now_ += 10 * kSecond;
  std::vector<Saying> late = queues_.Due(now_);
  ASSERT_EQ(late.size(), 2u);
  Tell(JobState::RUNNING, 6);
  Tell(JobState::RUNNING, 7);
  for (Saying& saying : late) Put(std::move(saying.event), saying.only_after);
  EXPECT_EQ(StateOf(6).state(), JobState::RUNNING);
  EXPECT_EQ(StateOf(7).state(), JobState::RUNNING);
}

TEST_F(QueueWatchTest, SoManyAtOnceAndTheRestLater) {
  for (int i = 0; i < 250; ++i) Tell(JobState::QUEUED, i, 4);
  for (int i = 0; i < 10; ++i) Tell(JobState::RUNNING, i);
  now_ += 10 * kSecond;
  EXPECT_EQ(queues_.Due(now_).size(), kMaxPlaces);
  EXPECT_EQ(queues_.Due(now_).size(), kMaxPlaces);
  EXPECT_EQ(queues_.Due(now_).size(), 40u);
}

}  // namespace
}  // namespace milepost::jobs
