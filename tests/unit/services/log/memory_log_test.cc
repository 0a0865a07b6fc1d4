// The memory log: order, answers, and who commits.
#include "services/log/memory_log.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/history/memory_history.h"

namespace milepost::log {
namespace {

// Numbers what it folds and notes what it was asked.
class NotingPipeline : public Pipeline {
 public:
  history::Entry Fold(uint64_t seq, int64_t commit_nanos, Record& record, Outcome* outcome) override {
    EXPECT_EQ(std::exchange(busy_, true), false) << "one at a time";
    EXPECT_EQ(seq, ++folded_);
    EXPECT_GE(commit_nanos, last_nanos_);
    last_nanos_ = commit_nanos;
    *outcome = {.seq = seq, .producer_mark = record.number};
    busy_ = false;
    return {.seq = seq, .commit_nanos = commit_nanos};
  }
  void Publish(std::span<const history::Entry> entries) override { published_ += entries.size(); }

  uint64_t folded_ = 0;
  uint64_t published_ = 0;
  int64_t last_nanos_ = 0;
  bool busy_ = false;
};

std::vector<Record> Records(size_t count) {
  std::vector<Record> records(count);
  for (size_t i = 0; i < count; ++i) records[i].number = i + 1;
  return records;
}

TEST(MemoryLogTest, AnswersEachRecordInOrderAfterItWasPublished) {
  history::MemoryHistory history({});
  NotingPipeline pipeline;
  MemoryLog log(&history, &pipeline, [] { return int64_t{5}; });
  std::vector<Outcome> outcomes;
  log.Append(Records(3), [&](std::vector<Outcome> got) {
    EXPECT_EQ(pipeline.published_, 3u);
    outcomes = std::move(got);
  });
  ASSERT_EQ(outcomes.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(outcomes[i].seq, i + 1);
    EXPECT_EQ(outcomes[i].producer_mark, i + 1);
  }
  EXPECT_EQ(history.bounds().head, 3u);
}

TEST(MemoryLogTest, CommitTimeNeverRunsBackwards) {
  history::MemoryHistory history({});
  NotingPipeline pipeline;
  int64_t now = 100;
  MemoryLog log(&history, &pipeline, [&] { return now; });
  log.Append(Records(1), [](auto) {});
  now = 50;
  log.Append(Records(1), [](auto) {});
  EXPECT_EQ(pipeline.last_nanos_, 100);
}

TEST(MemoryLogTest, AnAppendFromAnAnswerIsTakenAndDoesNotRecurse) {
  history::MemoryHistory history({});
  NotingPipeline pipeline;
  MemoryLog log(&history, &pipeline, [] { return int64_t{5}; });
  int depth = 0, deepest = 0, answered = 0;
  std::function<void(std::vector<Outcome>)> again = [&](std::vector<Outcome>) {
    deepest = std::max(deepest, ++depth);
    if (++answered < 1000) log.Append(Records(1), again);
    --depth;
  };
  log.Append(Records(1), again);
  EXPECT_EQ(answered, 1000);
  EXPECT_EQ(deepest, 1);
}

TEST(MemoryLogTest, ThreadsThatAppendTogetherAreAllAnsweredOnce) {
  history::MemoryHistory history({});
  NotingPipeline pipeline;
  MemoryLog log(&history, &pipeline, [] { return int64_t{5}; });
  constexpr int kThreads = 4, kAppends = 2000;
  std::vector<std::atomic<int>> answered(kThreads * kAppends * 2 + 1);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kAppends; ++i) {
        log.Append(Records(2), [&](std::vector<Outcome> outcomes) {
          EXPECT_EQ(outcomes[1].seq, outcomes[0].seq + 1) << "records of one append stay together";
          for (const auto& outcome : outcomes) ++answered[outcome.seq];
        });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  log.Close();
  for (size_t seq = 1; seq < answered.size(); ++seq) ASSERT_EQ(answered[seq], 1) << seq;
}

TEST(MemoryLogTest, AfterCloseRecordsAreRefusedAsUnavailable) {
  history::MemoryHistory history({});
  NotingPipeline pipeline;
  MemoryLog log(&history, &pipeline, [] { return int64_t{5}; });
  log.Close();
  std::vector<Outcome> outcomes;
  log.Append(Records(2), [&](std::vector<Outcome> got) { outcomes = std::move(got); });
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_TRUE(absl::IsUnavailable(outcomes[1].status));
  EXPECT_EQ(history.bounds().head, 0u);
}

}  // namespace
}  // namespace milepost::log
