// The commit path on a store: what a restart keeps, and what readers see when a write fails.
#include <filesystem>
#include <future>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "services/history/rocks_history.h"
#include "services/hub/hub.h"
#include "services/log/embedded_log.h"
#include "tests/support/events.h"
#include "tests/support/temp_dir.h"

namespace milepost::hub {
namespace {

// A store whose next writes can be made to fail, before or after they have reached it.
class FlakyHistory : public history::History {
 public:
  enum Fault { kNone, kLost, kStoredButFailed };

  explicit FlakyHistory(std::unique_ptr<history::RocksHistory> store) : store_(std::move(store)) {}

  absl::Status Store(std::span<const history::Entry> entries) override {
    const Fault fault = fault_;
    if (fault == kLost) return absl::UnavailableError("write failed");
    if (absl::Status status = store_->Store(entries); !status.ok()) return status;
    return fault == kNone ? absl::OkStatus() : absl::UnavailableError("fsync failed");
  }
  absl::Status Writable() override { return store_->Writable(); }
  absl::Status Reopen() override {
    if (fault_ != kNone) return absl::UnavailableError("still broken");
    return store_->Reopen();
  }
  bool keeps_views() const override { return store_->keeps_views(); }
  absl::Status SaveViews(uint64_t seq, std::span<const history::ViewRow> rows) override {
    return store_->SaveViews(seq, rows);
  }
  absl::StatusOr<uint64_t> LoadViews(const std::function<absl::Status(history::ViewRow)>& row) override {
    return store_->LoadViews(row);
  }
  absl::Status Replay(uint64_t seq, const std::function<absl::Status(history::StoredRecord)>& record) override {
    return store_->Replay(seq, record);
  }
  void Trim(int64_t now_nanos) override { store_->Trim(now_nanos); }
  history::Bounds bounds() const override { return store_->bounds(); }
  std::optional<uint64_t> LastOfEpoch(absl::string_view epoch) const override { return store_->LastOfEpoch(epoch); }
  bool InMemory(uint64_t after) const override { return store_->InMemory(after); }
  history::Page Read(const history::Query& query) const override {
    if (unreadable_) return {.position = query.after, .status = absl::DataLossError("cannot be read")};
    return store_->Read(query);
  }
  absl::StatusOr<uint64_t> PositionBeforeLast(const history::Query& query, size_t count) const override {
    return store_->PositionBeforeLast(query, count);
  }

  std::atomic<Fault> fault_ = kNone;
  std::atomic<bool> unreadable_ = false;

 private:
  const std::unique_ptr<history::RocksHistory> store_;
};

class HubStoreTest : public ::testing::Test {
 protected:
  ~HubStoreTest() override { Close(); }

  void Open(bool all_records = false) {
    Close();
    epoch_ = "epoch" + std::to_string(100 + ++opened_);
    auto store = history::RocksHistory::Open({.dir = directory_ + "/store",
                                              .epoch = epoch_,
                                              .sync = false,
                                              .min_free_bytes = 0,
                                              .now = [] { return int64_t{1}; }});
    ASSERT_TRUE(store.ok()) << store.status();
    history_ = std::make_unique<FlakyHistory>(*std::move(store));
    hub_ = std::make_unique<Hub>(history_.get(), epoch_);
    ASSERT_TRUE(hub_->Rebuild(all_records).ok());
    log_ = std::make_unique<log::EmbeddedLog>(
        history_.get(), hub_.get(), [] { return int64_t{1'000'000'000}; },
        log::EmbeddedOptions{.own_threads = true, .retry = std::chrono::milliseconds(1)});
  }
  void Close() {
    log_.reset();
    hub_.reset();
    history_.reset();
  }

  log::Outcome Append(log::Record record) {
    std::promise<log::Outcome> promise;
    std::vector<log::Record> records;
    records.push_back(std::move(record));
    log_->Append(std::move(records), [&](std::vector<log::Outcome> outcomes) { promise.set_value(outcomes.at(0)); });
    auto future = promise.get_future();
    EXPECT_EQ(future.wait_for(std::chrono::seconds(30)), std::future_status::ready);
    return future.get();
  }
  static log::Record Numbered(const std::string& producer, uint64_t number, const std::string& job = "job:1") {
    return {.event = std::make_unique<v1::ProgressEvent>(testing::MakeNotice(job)), .producer = producer, .number = number};
  }
  // What a reader of all jobs takes until it has `count` events.
  std::vector<uint64_t> Take(Subscription& reader, size_t count) {
    std::vector<uint64_t> seqs;
    while (seqs.size() < count) {
      const Batch batch = reader.Take(1 << 20);
      EXPECT_TRUE(batch.status.ok());
      if (batch.empty()) break;
      for (const auto& event : batch.events) seqs.push_back(event->seq);
    }
    return seqs;
  }

  testing::TempDir temp_;
  const std::string& directory_ = temp_.path();
  std::string epoch_;
  int opened_ = 0;
  std::unique_ptr<FlakyHistory> history_;
  std::unique_ptr<Hub> hub_;
  std::unique_ptr<log::EmbeddedLog> log_;
};

TEST_F(HubStoreTest, ARestartChangesNoAnswer) {
  for (const bool all_records : {false, true}) {
    testing::CommitPath memory;
    std::mt19937 random(5);
    Open();
    for (int i = 0; i < 1500; ++i) {
      if (random() % 100 == 0) {
        if (random() % 2) {
          log_->Close();
          ASSERT_TRUE(hub_->Checkpoint().ok());
        }
        Open(all_records);
      }
      const uint32_t seed = random();
      const auto record = [&] {
        std::mt19937 choice(seed);
        log::Record made;
        made.event = std::make_unique<v1::ProgressEvent>(
            testing::MakeNotice("job:" + std::to_string(choice() % 5), {"user:" + std::to_string(choice() % 25)}));
        if (choice() % 2 == 0) {
          made.producer = "p" + std::to_string(choice() % 4);
          made.number = choice() % 200 + 1;
          made.first_of_stream = choice() % 8 == 0;
        } else if (choice() % 2 == 0) {
          made.idempotency = std::make_shared<const log::IdempotencyKey>(
              log::IdempotencyKey{"k" + std::to_string(choice() % 20), choice() % 5 ? "same" : "other", 2});
          made.index = choice() % 2;
        }
        return made;
      };
      const log::Outcome expected = memory.Append(record());
      const log::Outcome got = Append(record());
      ASSERT_EQ(got.status, expected.status) << "record " << i;
      ASSERT_EQ(got.seq, expected.seq);
      ASSERT_EQ(got.producer_mark, expected.producer_mark);
    }
    Close();
    std::filesystem::remove_all(directory_ + "/store");
  }
}

TEST_F(HubStoreTest, ANumberThatWasStoredIsAckedAgainAfterARestartAndNotStoredTwice) {
  Open();
  EXPECT_EQ(Append(Numbered("p", 1)).seq, 1u);
  Open();
  EXPECT_EQ(hub_->ProducerMark("p"), 1u);
  const log::Outcome again = Append(Numbered("p", 1));
  EXPECT_TRUE(again.status.ok());
  EXPECT_EQ(again.producer_mark, 1u);
  Start start;
  const std::string cursor = "earliest";
  auto reader = hub_->Subscribe("id", {"job:*"}, &cursor, {}, [] {}, &start);
  EXPECT_EQ(Take(**reader, 2), std::vector<uint64_t>{1});
  hub_->Close(*reader);
}

TEST_F(HubStoreTest, CursorsOfEarlierLivesResumeAndThoseOfNoLifeDoNot) {
  Open();
  for (int i = 1; i <= 5; ++i) Append(Numbered("p", i));
  const std::string first = epoch_;
  Open();
  for (int i = 6; i <= 8; ++i) Append(Numbered("p", i));
  EXPECT_EQ(hub_->Resolve(first + "-5").reset, v1::Reset::REASON_UNSPECIFIED);
  EXPECT_EQ(hub_->Resolve(first + "-5").position, 5u);
  EXPECT_EQ(hub_->Resolve(first + "-0").position, 0u);
  EXPECT_EQ(hub_->Resolve(first + "-6").reset, v1::Reset::EPOCH) << "past the end of that life";
  EXPECT_EQ(hub_->Resolve("zzzzzzzz-3").reset, v1::Reset::EPOCH);
  EXPECT_EQ(hub_->Resolve(epoch_ + "-8").position, 8u);
  EXPECT_EQ(hub_->Resolve(epoch_ + "-9").reset, v1::Reset::FUTURE);
}

TEST_F(HubStoreTest, AfterAFailedWriteReadersSeeEachStoredEventOnceAndNothingElse) {
  for (const auto fault : {FlakyHistory::kLost, FlakyHistory::kStoredButFailed}) {
    Open();
    Start start;
    auto reader = hub_->Subscribe("id", {"job:*"}, nullptr, {}, [] {}, &start);
    EXPECT_TRUE(Append(Numbered("p", 1)).status.ok());
    const uint64_t first = hub_->head();
    history_->fault_ = fault;
    const log::Outcome failed = Append(Numbered("p", 2));
    EXPECT_TRUE(absl::IsUnavailable(failed.status));
    EXPECT_EQ(Take(**reader, 9), std::vector<uint64_t>{first}) << "what is not durable is not seen";
    EXPECT_TRUE(absl::IsUnavailable(Append(Numbered("p", 2)).status));
    history_->fault_ = FlakyHistory::kNone;
    log::Outcome again;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!again.producer_mark && std::chrono::steady_clock::now() < deadline) {
      again = Append(Numbered("p", 2));
      std::this_thread::yield();
    }
    EXPECT_TRUE(again.status.ok()) << again.status;
    EXPECT_EQ(again.producer_mark, 2u);
    EXPECT_EQ(Take(**reader, 9), std::vector<uint64_t>{first + 1}) << "once, whether it had been stored or not";
    hub_->Close(*reader);
    Close();
    std::filesystem::remove_all(directory_ + "/store");
  }
}

TEST_F(HubStoreTest, WhatCannotBeReadIsToldAndNotSkipped) {
  Open();
  for (int i = 1; i <= 3; ++i) Append(Numbered("p", i));
  Start start;
  const std::string cursor = "earliest";
  auto reader = hub_->Subscribe("id", {"job:*"}, &cursor, {}, [] {}, &start);
  history_->unreadable_ = true;
  const Batch batch = (*reader)->Take(1 << 20);
  EXPECT_TRUE(absl::IsDataLoss(batch.status)) << batch.status;
  EXPECT_TRUE(batch.events.empty());
  history_->unreadable_ = false;
  EXPECT_EQ(Take(**reader, 3), (std::vector<uint64_t>{1, 2, 3}));
  hub_->Close(*reader);
}

}  // namespace
}  // namespace milepost::hub
