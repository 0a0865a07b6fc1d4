// A fold that was saved as rows and made again answers as if nothing had happened.
#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "services/jobs/fold.h"
#include "tests/support/events.h"

namespace milepost::jobs {
namespace {

// The rows as a store would keep them.
struct Rows {
  void SaveFrom(Fold& fold, uint64_t seq) {
    fold.TakeChanges();
    fold.Save(seq, [this](std::string key, std::string value) {
      ++written;
      if (value.empty()) {
        rows.erase(key);
      } else {
        rows[key] = value;
      }
    });
  }
  std::unique_ptr<Fold> Load() const {
    auto fold = std::make_unique<Fold>();
    fold->KeepRows();
    Fold::Loader loader(fold.get());
    for (const auto& [key, value] : rows) EXPECT_TRUE(loader.Add(key, value).ok());
    loader.Finish();
    return fold;
  }

  std::map<std::string, std::string> rows;
  size_t written = 0;
};

// Random records of few producers, jobs and keys, so that they meet.
struct Source {
  Verdict Apply(Fold& fold, uint64_t seq, int64_t nanos, uint32_t seed) {
    std::mt19937 random(seed);
    auto event = testing::MakeNotice("job:" + std::to_string(random() % 5), {"user:" + std::to_string(random() % 30)});
    const std::string producer = "p" + std::to_string(random() % 3), key = "k" + std::to_string(random() % 6);
    Input input{.seq = seq, .commit_nanos = nanos, .event = random() % 8 == 0 ? nullptr : &event};
    if (random() % 2 == 0) {
      input.producer = producer;
      input.number = random() % 60 + 1;
      input.first_of_stream = random() % 8 == 0;
      if (input.first_of_stream) input.lease_nanos = random() % 3;
    } else if (random() % 2 == 0) {
      input.idempotency_key = key;
      input.idempotency_content = random() % 4 ? "same" : "other";
      input.index = random() % 3;
    }
    Verdict verdict = fold.Apply(input);
    resources.assign(event.resources().begin(), event.resources().end());
    return verdict;
  }
  std::vector<std::string> resources;
};

TEST(FoldRowsTest, AReloadedFoldGivesTheSameVerdictsFromThereOn) {
  for (uint32_t seed = 1; seed <= 30; ++seed) {
    std::mt19937 random(seed);
    Fold kept;
    auto reloaded = std::make_unique<Fold>();
    reloaded->KeepRows();
    Rows rows;
    Source source, other;
    uint64_t saved = 0;
    int64_t nanos = 0;
    for (uint64_t seq = 1; seq <= 600; ++seq) {
      // Now and then time jumps far enough for keys, or for all, to be forgotten.
      nanos += random() % 100 == 0 ? (random() % 3 ? kIdempotencyNanos : kMemoryNanos) + 1 : 1'000'000;
      const uint32_t record = random();
      const Verdict expected = source.Apply(kept, seq, nanos, record);
      const Verdict got = other.Apply(*reloaded, seq, nanos, record);
      ASSERT_EQ(got.is_event, expected.is_event) << "seed " << seed << " record " << seq;
      ASSERT_EQ(got.status, expected.status) << "seed " << seed << " record " << seq;
      ASSERT_EQ(got.seq, expected.seq);
      ASSERT_EQ(got.producer_mark, expected.producer_mark);
      ASSERT_EQ(other.resources, source.resources);
      for (const char* producer : {"p0", "p1", "p2"}) ASSERT_EQ(reloaded->LeaseNanos(producer), kept.LeaseNanos(producer));
      if (random() % 20 == 0) {
        rows.SaveFrom(*reloaded, saved);
        saved = seq;
        if (random() % 2 == 0) reloaded = rows.Load();
      }
    }
  }
}

TEST(FoldRowsTest, SavingCostsWhatChangedAndNotWhatIsKnown) {
  Fold fold;
  fold.KeepRows();
  Rows rows;
  uint64_t seq = 0;
  for (int job = 0; job < 1000; ++job) {
    auto event = testing::MakeNotice("job:" + std::to_string(job));
    fold.Apply({.seq = ++seq, .commit_nanos = 1, .event = &event});
  }
  rows.SaveFrom(fold, 0);
  EXPECT_EQ(rows.written, 1000u);
  auto event = testing::MakeNotice("job:7");
  fold.Apply({.seq = seq + 1, .commit_nanos = 1, .event = &event});
  rows.SaveFrom(fold, seq);
  EXPECT_EQ(rows.written, 1001u);
}

TEST(FoldRowsTest, WhatIsForgottenLeavesNoRow) {
  Fold fold;
  fold.KeepRows();
  Rows rows;
  auto event = testing::MakeNotice("job:1");
  fold.Apply({.seq = 1, .commit_nanos = 1, .event = &event, .producer = "p", .number = 1});
  rows.SaveFrom(fold, 0);
  EXPECT_EQ(rows.rows.size(), 2u);
  event = testing::MakeNotice("job:2");
  fold.Apply({.seq = 2, .commit_nanos = kMemoryNanos + 2, .event = &event, .producer = "q", .number = 1});
  rows.SaveFrom(fold, 1);
  EXPECT_EQ(rows.rows.size(), 2u) << "job:1 and p are gone";
}

TEST(FoldRowsTest, ARowThatCannotBeReadIsDataLoss) {
  Fold fold;
  Fold::Loader loader(&fold);
  EXPECT_TRUE(absl::IsDataLoss(loader.Add("jjob:1", "\xff")));
  EXPECT_TRUE(absl::IsDataLoss(loader.Add("x", "")));
  EXPECT_TRUE(absl::IsDataLoss(loader.Add("", "")));
}

}  // namespace
}  // namespace milepost::jobs
