// The embedded log: order, answers, and who commits.
#include "services/log/embedded_log.h"

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
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
  uint64_t ProducerMark(absl::string_view) const override { return folded_; }

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

TEST(EmbeddedLogTest, AnswersEachRecordInOrderAfterItWasPublished) {
  history::MemoryHistory history({});
  NotingPipeline pipeline;
  EmbeddedLog log(&history, &pipeline, [] { return int64_t{5}; });
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

TEST(EmbeddedLogTest, CommitTimeNeverRunsBackwards) {
  history::MemoryHistory history({});
  NotingPipeline pipeline;
  int64_t now = 100;
  EmbeddedLog log(&history, &pipeline, [&] { return now; });
  log.Append(Records(1), [](auto) {});
  now = 50;
  log.Append(Records(1), [](auto) {});
  EXPECT_EQ(pipeline.last_nanos_, 100);
}

TEST(EmbeddedLogTest, AnAppendFromAnAnswerIsTakenAndDoesNotRecurse) {
  history::MemoryHistory history({});
  NotingPipeline pipeline;
  EmbeddedLog log(&history, &pipeline, [] { return int64_t{5}; });
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

TEST(EmbeddedLogTest, ThreadsThatAppendTogetherAreAllAnsweredOnce) {
  history::MemoryHistory history({});
  NotingPipeline pipeline;
  EmbeddedLog log(&history, &pipeline, [] { return int64_t{5}; });
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

TEST(EmbeddedLogTest, AfterCloseRecordsAreRefusedAsUnavailable) {
  history::MemoryHistory history({});
  NotingPipeline pipeline;
  EmbeddedLog log(&history, &pipeline, [] { return int64_t{5}; });
  log.Close();
  std::vector<Outcome> outcomes;
  log.Append(Records(2), [&](std::vector<Outcome> got) { outcomes = std::move(got); });
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_TRUE(absl::IsUnavailable(outcomes[1].status));
  EXPECT_EQ(history.bounds().head, 0u);
}

// A history that can be made to fail, on one machine.
class FailingHistory : public history::MemoryHistory {
 public:
  FailingHistory() : MemoryHistory({}) {}
  absl::Status Writable() override { return Get(&writable_); }
  absl::Status Store(std::span<const history::Entry> entries) override {
    {
      std::unique_lock lock(mutex_);
      storing_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !held_; });
      storing_ = false;
      ++stores_;
    }
    if (absl::Status status = Get(&store_); !status.ok()) return status;
    return MemoryHistory::Store(entries);
  }

  void Set(absl::Status* which, absl::Status status) {
    const std::lock_guard lock(mutex_);
    *which = std::move(status);
  }
  absl::Status Get(const absl::Status* which) {
    const std::lock_guard lock(mutex_);
    return *which;
  }
  void Hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  void WaitUntilStoring() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return storing_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  absl::Status writable_, store_;
  bool held_ = false, storing_ = false;
  int stores_ = 0;
};

// Counts folded records again from what is stored, as the hub does.
class RecoveringPipeline : public NotingPipeline {
 public:
  explicit RecoveringPipeline(FailingHistory* history) : history_(history) {}
  absl::Status Recover() override {
    if (absl::Status status = history_->Get(&reopen_); !status.ok()) return status;
    folded_ = history_->bounds().head;
    return absl::OkStatus();
  }
  absl::Status reopen_;  // guarded by the history's mutex
  FailingHistory* const history_;
};

// What an append was answered, waited for.
struct Answer {
  Log::Done Take() {
    return [this](std::vector<Outcome> outcomes) { promise.set_value(std::move(outcomes)); };
  }
  std::vector<Outcome> Get() {
    auto future = promise.get_future();
    EXPECT_EQ(future.wait_for(std::chrono::seconds(30)), std::future_status::ready);
    return future.get();
  }
  std::promise<std::vector<Outcome>> promise;
};

std::vector<Outcome> AppendAndWait(Log& log, size_t count) {
  Answer answer;
  log.Append(Records(count), answer.Take());
  return answer.Get();
}

constexpr EmbeddedOptions kOwnThreads{.own_threads = true, .retry = std::chrono::milliseconds(1)};

TEST(EmbeddedLogTest, WhileOneCommitIsStoredTheNextOneGathers) {
  FailingHistory history;
  RecoveringPipeline pipeline(&history);
  EmbeddedLog log(&history, &pipeline, [] { return int64_t{5}; }, kOwnThreads);
  history.Hold(true);
  Answer first;
  log.Append(Records(1), first.Take());
  history.WaitUntilStoring();
  std::vector<Answer> gathered(50);
  for (Answer& answer : gathered) log.Append(Records(2), answer.Take());
  history.Hold(false);
  EXPECT_EQ(first.Get()[0].seq, 1u);
  for (size_t i = 0; i < gathered.size(); ++i) EXPECT_EQ(gathered[i].Get()[0].seq, 2 + 2 * i);
  EXPECT_EQ(history.stores_, 2) << "one for the first, one for all that gathered";
}

TEST(EmbeddedLogTest, ACommitTakesSoManyEventsAndNoMore) {
  FailingHistory history;
  RecoveringPipeline pipeline(&history);
  EmbeddedLog log(&history, &pipeline, [] { return int64_t{5}; }, {.own_threads = true, .max_batch_events = 4});
  history.Hold(true);
  Answer first;
  log.Append(Records(1), first.Take());
  history.WaitUntilStoring();
  std::vector<Answer> gathered(4);
  for (Answer& answer : gathered) log.Append(Records(2), answer.Take());
  Answer large;
  log.Append(Records(9), large.Take());
  history.Hold(false);
  EXPECT_EQ(large.Get().size(), 9u) << "one append is never divided";
  EXPECT_EQ(history.stores_, 1 + 2 + 1);
  first.Get();
  for (Answer& answer : gathered) answer.Get();
}

TEST(EmbeddedLogTest, ABatchThatWasNotStoredIsNeverAnsweredAsStoredNorPublished) {
  FailingHistory history;
  RecoveringPipeline pipeline(&history);
  EmbeddedLog log(&history, &pipeline, [] { return int64_t{5}; }, kOwnThreads);
  EXPECT_TRUE(AppendAndWait(log, 2)[1].status.ok());
  history.Set(&pipeline.reopen_, absl::UnavailableError("still broken"));
  history.Set(&history.store_, absl::UnavailableError("fsync failed"));
  for (const Outcome& outcome : AppendAndWait(log, 3)) {
    EXPECT_TRUE(absl::IsUnavailable(outcome.status));
    EXPECT_EQ(outcome.producer_mark, 0u);
    EXPECT_EQ(outcome.seq, 0u);
  }
  const int stores = history.stores_;
  EXPECT_EQ(AppendAndWait(log, 1)[0].status.message(), "fsync failed") << "refused without a try";
  EXPECT_EQ(history.stores_, stores);
  EXPECT_EQ(pipeline.published_, 2u);
}

TEST(EmbeddedLogTest, AMarkIsToldWhenAllOfItIsStoredAndNotBefore) {
  FailingHistory history;
  RecoveringPipeline pipeline(&history);
  EmbeddedLog log(&history, &pipeline, [] { return int64_t{5}; }, kOwnThreads);
  AppendAndWait(log, 2);
  history.Hold(true);
  Answer append, ask;
  log.Append(Records(3), append.Take());
  history.WaitUntilStoring();
  log.Ask("p", ask.Take());
  auto answered = ask.promise.get_future();
  EXPECT_EQ(answered.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout) << "the fold is at 5 already";
  history.Hold(false);
  append.Get();
  ASSERT_EQ(answered.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_EQ(answered.get().at(0).producer_mark, 5u);

  history.Set(&pipeline.reopen_, absl::UnavailableError("still broken"));
  history.Set(&history.store_, absl::UnavailableError("fsync failed"));
  AppendAndWait(log, 1);
  Answer refused;
  log.Ask("p", refused.Take());
  const auto outcomes = refused.Get();
  EXPECT_TRUE(absl::IsUnavailable(outcomes.at(0).status)) << "what was folded last is not stored";
  EXPECT_EQ(outcomes.at(0).producer_mark, 0u);
}

TEST(EmbeddedLogTest, WritingResumesByItselfWhereTheStoreEnds) {
  FailingHistory history;
  RecoveringPipeline pipeline(&history);
  EmbeddedLog log(&history, &pipeline, [] { return int64_t{5}; }, kOwnThreads);
  AppendAndWait(log, 2);
  history.Set(&history.store_, absl::UnavailableError("fsync failed"));
  EXPECT_FALSE(AppendAndWait(log, 3)[0].status.ok());
  history.Set(&history.store_, absl::OkStatus());
  std::vector<Outcome> outcomes;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < deadline) {
    outcomes = AppendAndWait(log, 1);
    if (outcomes[0].status.ok()) break;
    std::this_thread::yield();
  }
  EXPECT_EQ(outcomes[0].seq, 3u) << "the numbers of the lost batch are given again";
}

TEST(EmbeddedLogTest, WithoutSpaceNothingIsFoldedAndItGoesOnWhenThereIsSome) {
  FailingHistory history;
  RecoveringPipeline pipeline(&history);
  EmbeddedLog log(&history, &pipeline, [] { return int64_t{5}; }, kOwnThreads);
  history.Set(&history.writable_, absl::ResourceExhaustedError("no space"));
  EXPECT_TRUE(absl::IsResourceExhausted(AppendAndWait(log, 1)[0].status));
  EXPECT_EQ(pipeline.folded_, 0u);
  history.Set(&history.writable_, absl::OkStatus());
  EXPECT_EQ(AppendAndWait(log, 1)[0].seq, 1u);
}

TEST(EmbeddedLogTest, BytesThatWaitAreLimited) {
  FailingHistory history;
  RecoveringPipeline pipeline(&history);
  EmbeddedLog log(&history, &pipeline, [] { return int64_t{5}; }, {.own_threads = true, .max_queued_bytes = 1000});
  history.Hold(true);
  Answer first, full, over;
  log.Append(Records(1), first.Take());
  history.WaitUntilStoring();
  const auto sized = [](size_t bytes) {
    auto records = Records(1);
    records[0].bytes = bytes;
    return records;
  };
  log.Append(sized(1000), full.Take());
  log.Append(sized(1), over.Take());
  EXPECT_TRUE(absl::IsResourceExhausted(over.Get()[0].status));
  history.Hold(false);
  EXPECT_TRUE(full.Get()[0].status.ok()) << "at the limit";
  first.Get();
}

TEST(EmbeddedLogTest, TheDiskDoesNotWaitWhileAnswersAreGivenButStoredBatchesAreLimited) {
  FailingHistory history;
  RecoveringPipeline pipeline(&history);
  EmbeddedLog log(&history, &pipeline, [] { return int64_t{5}; }, {.own_threads = true, .max_batch_events = 1});
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  log.Append(Records(1), [released](auto) { released.wait(); });
  std::vector<Answer> answers(10);
  for (Answer& answer : answers) log.Append(Records(1), answer.Take());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (history.bounds().head < 4 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(history.bounds().head, 4u) << "stored while the first one's answer is still being given";
  release.set_value();
  for (size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(answers[i].Get()[0].seq, i + 2);
  EXPECT_EQ(history.bounds().head, 11u);
}

// A disk on which every write takes its time.
class SlowHistory : public history::MemoryHistory {
 public:
  SlowHistory() : MemoryHistory({}) {}
  absl::Status Store(std::span<const history::Entry> entries) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(8));
    ++stores_;
    return MemoryHistory::Store(entries);
  }
  std::atomic<int> stores_ = 0;
};

TEST(EmbeddedLogTest, ProducersThatWaitForTheirAnswersShareOneCommit) {
  SlowHistory history;
  NotingPipeline pipeline;
  EmbeddedLog log(&history, &pipeline, [] { return int64_t{5}; }, kOwnThreads);
  constexpr int kProducers = 8, kAppends = 20;
  std::vector<std::thread> producers;
  for (int i = 0; i < kProducers; ++i) {
    producers.emplace_back([&] {
      for (int j = 0; j < kAppends; ++j) AppendAndWait(log, 1);
    });
  }
  for (auto& producer : producers) producer.join();
  EXPECT_LT(history.stores_, kAppends * 3 / 2) << "in two halves it would be " << 2 * kAppends;
}

TEST(EmbeddedLogTest, CloseCommitsWhatWasTaken) {
  FailingHistory history;
  RecoveringPipeline pipeline(&history);
  Answer answer;
  {
    EmbeddedLog log(&history, &pipeline, [] { return int64_t{5}; }, kOwnThreads);
    log.Append(Records(2), answer.Take());
  }
  EXPECT_EQ(answer.Get()[1].seq, 2u);
}

}  // namespace
}  // namespace milepost::log
