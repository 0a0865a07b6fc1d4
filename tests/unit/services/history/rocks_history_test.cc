// The store on disk: against a scan of all events, across restarts, at its limits, and damaged.
#include "services/history/rocks_history.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "services/history/rocks_store.h"
#include "tests/support/temp_dir.h"

namespace milepost::history {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kBegin = 1'700'000'000 * kSecond;

// A store in a directory of its own, whose events are made up from their numbers.
class RocksHistoryTest : public ::testing::Test {
 protected:
  RocksHistoryTest() {
    options_.dir = directory_ + "/store";
    // No window: everything is read from the store.
    options_.window_bytes = 0;
    options_.sync = false;
    options_.min_free_bytes = 0;
    options_.now = [] { return kBegin; };
  }
  ~RocksHistoryTest() override {
    history_.reset();
  }

  absl::Status TryOpen() {
    history_.reset();
    options_.epoch = "epoch" + std::to_string(100 + ++opened_);
    auto opened = RocksHistory::Open(options_);
    if (opened.ok()) history_ = *std::move(opened);
    return opened.status();
  }
  void Open() { ASSERT_TRUE(TryOpen().ok()); }

  EventPtr Make(uint64_t seq, std::vector<std::string> names, bool output = false, int64_t nanos = kBegin) {
    v1::ProgressEvent event;
    event.set_job(names[0]);
    event.set_seq(seq);
    if (output) {
      event.mutable_output()->mutable_line()->set_text("line");
    } else {
      event.mutable_notice()->set_text(text_);
    }
    return MakeStoredEvent(event, nanos, std::make_shared<const std::vector<std::string>>(std::move(names)));
  }
  // Stores the next record.
  absl::Status Store(std::vector<std::string> names, bool output = false, int64_t nanos = kBegin) {
    const uint64_t seq = history_->bounds().head + 1;
    const Entry entry{.seq = seq, .commit_nanos = nanos, .event = names.empty() ? nullptr : Make(seq, names, output, nanos)};
    return history_->Store({&entry, 1});
  }
  void StoreMany(size_t count, const std::string& name = "job:1", int64_t nanos = kBegin) {
    std::vector<Entry> entries;
    uint64_t seq = history_->bounds().head;
    for (size_t i = 0; i < count; ++i) {
      ++seq;
      entries.push_back({.seq = seq, .commit_nanos = nanos, .event = Make(seq, {name}, false, nanos)});
    }
    ASSERT_TRUE(history_->Store(entries).ok());
  }
  // As the fold would after so many records.
  void SaveViews() { ASSERT_TRUE(history_->SaveViews(history_->bounds().head, {}).ok()); }

  static NameSet Names(const std::vector<std::string>& names) {
    NameSet set;
    for (const auto& name : names) set.Add(name);
    return set;
  }
  static std::vector<uint64_t> Seqs(const Page& page) {
    EXPECT_TRUE(page.status.ok()) << page.status;
    std::vector<uint64_t> seqs;
    for (const auto& event : page.events) seqs.push_back(event->seq);
    return seqs;
  }
  std::vector<uint64_t> All(const std::string& name, uint64_t after = 0) {
    const NameSet names = Names({name});
    std::vector<uint64_t> seqs;
    Query query{.names = &names, .after = after};
    Page page;
    do {
      page = history_->Read(query);
      if (!page.status.ok() || page.expired) return {};
      for (const uint64_t seq : Seqs(page)) seqs.push_back(seq);
      query.after = page.position;
    } while (page.more);
    return seqs;
  }

  testing::TempDir temp_;
  const std::string& directory_ = temp_.path();
  RocksOptions options_;
  std::string text_ = "text";
  int opened_ = 0;
  std::unique_ptr<RocksHistory> history_;
};

TEST_F(RocksHistoryTest, AgreesWithAScanOfAllEventsAcrossRestartsAndTrims) {
  std::mt19937 random(7);
  options_.max_bytes = 20'000;
  Open();
  std::vector<EventPtr> all;
  uint64_t floor = 0;
  for (int round = 0; round < 600; ++round) {
    for (int i = random() % 4; i > 0; --i) {
      std::vector<std::string> names = {"job:" + std::to_string(random() % 20)};
      if (random() % 3 == 0) names.push_back("user:" + std::to_string(random() % 4));
      if (random() % 10 == 0) names.clear();
      const bool output = random() % 2;
      ASSERT_TRUE(Store(names, output).ok());
      all.push_back(names.empty() ? nullptr : Make(all.size() + 1, names, output));
    }
    if (random() % 50 == 0) {
      if (random() % 2) SaveViews();
      Open();
      ASSERT_EQ(history_->bounds().head, all.size());
      ASSERT_EQ(history_->bounds().floor, floor) << "a trimmed record never comes back";
    }
    if (random() % 40 == 0) {
      SaveViews();
      history_->Trim(kBegin);
      ASSERT_GE(history_->bounds().floor, floor);
      floor = history_->bounds().floor;
    }
    NameSet names;
    for (unsigned i = random() % 6 + 1; i > 0; --i) {
      names.Add("job:" + std::to_string(random() % 25), random() % 3 ? 0 : random() % (all.size() + 1));
    }
    if (random() % 3 == 0) names.Add("user:*", random() % 2 ? 0 : random() % (all.size() + 1));
    if (random() % 2 == 0) names.Add("user:" + std::to_string(random() % 4));
    const TypeSet types = random() % 2 ? TypeSet{} : TypeSet{"output"};
    Query query{.names = &names, .types = &types, .after = floor + random() % (all.size() - floor + 1)};
    query.through = random() % 2 ? query.through : random() % (all.size() + 10);
    query.max_events = random() % 20 + 1;
    const auto wanted = [&](const EventPtr& event) {
      return event != nullptr && event->seq <= query.through && event->seq > floor && names.Wants(*event) &&
             (types.empty() || types.contains(event->type));
    };
    std::vector<uint64_t> expected, newest, got;
    for (const auto& event : all) {
      if (!wanted(event)) continue;
      newest.push_back(event->seq);
      if (event->seq > query.after) expected.push_back(event->seq);
    }
    const size_t count = random() % 30 + 1;
    const auto before_last = history_->PositionBeforeLast(query, count);
    ASSERT_TRUE(before_last.ok()) << before_last.status();
    Page page;
    do {
      page = history_->Read(query);
      ASSERT_LE(page.events.size(), query.max_events);
      ASSERT_FALSE(page.expired);
      for (const uint64_t seq : Seqs(page)) got.push_back(seq);
      query.after = page.position;
    } while (page.more);
    ASSERT_EQ(got, expected) << "round " << round;
    query.after = *before_last;
    query.max_events = 1000;
    if (newest.size() > count) newest.erase(newest.begin(), newest.end() - count);
    ASSERT_EQ(Seqs(history_->Read(query)), newest) << "round " << round;
  }
  EXPECT_GT(floor, 0u) << "nothing was trimmed";
}

TEST_F(RocksHistoryTest, TheWindowAndTheStoreAnswerAlike) {
  options_.window_bytes = 20'000;
  Open();
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(Store({"job:" + std::to_string(i % 3)}).ok());
  EXPECT_FALSE(history_->InMemory(0));
  EXPECT_TRUE(history_->InMemory(399));
  std::vector<uint64_t> expected;
  for (uint64_t seq = 2; seq <= 400; seq += 3) expected.push_back(seq);
  for (uint64_t after = 0; after <= 400; ++after) {
    while (!expected.empty() && expected.front() <= after) expected.erase(expected.begin());
    ASSERT_EQ(All("job:1", after), expected) << after;
  }
}

TEST_F(RocksHistoryTest, RecordsAndViewsComeBackAsTheyWere) {
  Open();
  v1::ProgressEvent refused;
  refused.set_job("job:9");
  const std::vector<Entry> entries = {
      {.seq = 1, .commit_nanos = kBegin + 1, .event = Make(1, {"job:1"}), .origin = {.producer = "producer", .number = 5}},
      {.seq = 2, .commit_nanos = kBegin + 2, .origin = {.idempotency_key = "k", .idempotency_content = "c", .index = 1}, .refused = &refused}};
  ASSERT_TRUE(history_->Store(entries).ok());
  const std::vector<ViewRow> rows = {{"a", "1"}, {"b", "2"}}, later = {{"a", ""}, {"c", "3"}};
  ASSERT_TRUE(history_->SaveViews(1, rows).ok());
  ASSERT_TRUE(history_->SaveViews(1, later).ok());
  Open();
  EXPECT_EQ(history_->bounds().head, 2u);
  EXPECT_EQ(history_->bounds().head_nanos, kBegin + 2);
  std::vector<std::string> got;
  const auto views = history_->LoadViews([&](ViewRow row) {
    got.push_back(row.key + row.value);
    return absl::OkStatus();
  });
  EXPECT_EQ(views.value(), 1u);
  EXPECT_THAT(got, ElementsAre("b2", "c3"));
  std::vector<StoredRecord> records;
  ASSERT_TRUE(history_->Replay(0, [&](StoredRecord record) {
    records.push_back(std::move(record));
    return absl::OkStatus();
  }).ok());
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].producer, "producer");
  EXPECT_EQ(records[0].number, 5u);
  EXPECT_TRUE(records[0].is_event);
  EXPECT_FALSE(records[1].is_event);
  EXPECT_EQ(records[1].event->job(), "job:9");
  EXPECT_EQ(records[1].idempotency_key, "k");
}

TEST_F(RocksHistoryTest, EveryOpenBeginsAnEpochAndTheStoreKnowsTheOldOnes) {
  Open();
  StoreMany(10);
  Open();
  StoreMany(5);
  Open();
  EXPECT_EQ(history_->LastOfEpoch("epoch101"), 10u);
  EXPECT_EQ(history_->LastOfEpoch("epoch102"), 15u);
  EXPECT_EQ(history_->LastOfEpoch("epoch103"), std::nullopt) << "the newest has no end";
  EXPECT_EQ(history_->LastOfEpoch("epoch999"), std::nullopt);
}

TEST_F(RocksHistoryTest, ARestoredStoreDoesNotKnowWhatCameAfterTheBackup) {
  Open();
  StoreMany(10);
  history_.reset();
  std::filesystem::copy(options_.dir, directory_ + "/backup");
  Open();
  StoreMany(10);
  history_.reset();
  std::filesystem::remove_all(options_.dir);
  std::filesystem::rename(directory_ + "/backup", options_.dir);
  Open();
  StoreMany(30);
  EXPECT_EQ(history_->LastOfEpoch("epoch101"), 10u) << "a cursor of that life past 10 is not honoured, though 40 are there";
  EXPECT_EQ(history_->LastOfEpoch("epoch102"), std::nullopt) << "nor one of the life after the backup";
}

TEST_F(RocksHistoryTest, OldEpochsAreForgottenPastTheLimit) {
  options_.sync = false;
  Open();
  // The list is long already: as a store would be after very many restarts.
  history_.reset();
  {
    auto store = RocksStore::Open(options_.dir, OpenAs::kWriter, std::make_shared<std::atomic<uint64_t>>(0));
    ASSERT_TRUE(store.ok());
    for (uint64_t i = 1; i < 1000; ++i) {
      (*store)->db->Put(rocksdb::WriteOptions(), (*store)->meta, std::string(1, kEpochPrefix) + Number(i),
                        EncodeEpoch({.name = "old" + std::to_string(10'000 + i), .first = 1}));
    }
  }
  Open();
  EXPECT_EQ(history_->LastOfEpoch("epoch101"), std::nullopt) << "the oldest of 1,001";
  EXPECT_EQ(history_->LastOfEpoch("old10001"), 0u);
}

TEST_F(RocksHistoryTest, NothingIsTrimmedPastTheViews) {
  options_.max_bytes = 1000;
  Open();
  StoreMany(100);
  history_->Trim(kBegin);
  EXPECT_EQ(history_->bounds().floor, 0u);
  SaveViews();
  StoreMany(100);
  history_->Trim(kBegin);
  EXPECT_EQ(history_->bounds().floor, 100u);
}

TEST_F(RocksHistoryTest, APositionBelowTheFloorIsExpiredAndOneAtTheFloorResumes) {
  options_.max_bytes = 1000;
  Open();
  StoreMany(100);
  SaveViews();
  history_->Trim(kBegin);
  const uint64_t floor = history_->bounds().floor;
  ASSERT_GT(floor, 1u);
  const NameSet names = Names({"job:1"});
  const Page page = history_->Read({.names = &names, .after = floor - 1});
  EXPECT_TRUE(page.expired);
  EXPECT_THAT(page.events, IsEmpty());
  EXPECT_EQ(page.floor, floor);
  EXPECT_EQ(All("job:1", floor).size(), 100 - floor);
}

// So much is stored that whole files are dropped while readers are there.
TEST_F(RocksHistoryTest, ReadersUnderATrimGetAllOrAreToldThatTheyDidNot) {
  options_.max_bytes = 10'000'000;
  text_.assign(4000, 'x');
  Open();
  std::atomic<bool> stop = false;
  std::atomic<int> pages = 0, expired = 0;
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&, t] {
      std::mt19937 random(t);
      const NameSet names = t == 0 ? Names({"job:1"}) : Names({"job:*"});
      while (!stop) {
        Query query{.names = &names, .after = history_->bounds().floor};
        uint64_t last = query.after;
        while (!stop) {
          // Some wait where they are until it is too late.
          for (const bool slow = random() % 4 == 0; slow && !stop && history_->bounds().floor <= query.after;) std::this_thread::yield();
          const uint64_t floor = history_->bounds().floor;
          const Page page = history_->Read(query);
          ASSERT_TRUE(page.status.ok()) << page.status;
          ASSERT_TRUE(page.expired || query.after >= floor) << "after " << query.after << ", below " << floor;
          if (page.expired) {
            ++expired;
            break;
          }
          for (const auto& event : page.events) ASSERT_EQ(event->seq, ++last);
          ASSERT_EQ(page.position, std::max(last, query.after));
          query.after = page.position;
          ++pages;
          if (!page.more && random() % 2) break;
        }
      }
    });
  }
  for (int round = 0; round < 100; ++round) {
    StoreMany(500);
    SaveViews();
    history_->Trim(kBegin);
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_GT(history_->bounds().floor, 40'000u);
  EXPECT_GT(pages, 10);
  EXPECT_GT(expired, 10);
  history_.reset();
  auto store = RocksStore::Open(options_.dir, OpenAs::kReader, std::make_shared<std::atomic<uint64_t>>(0));
  ASSERT_TRUE(store.ok());
  const std::unique_ptr<rocksdb::Iterator> records((*store)->db->NewIterator(rocksdb::ReadOptions(), (*store)->log));
  records->SeekToFirst();
  ASSERT_TRUE(records->Valid());
  EXPECT_GT(SeqOfKey(records->key()), 10'000u) << "no file was dropped";
}

TEST_F(RocksHistoryTest, TheIndexForgetsWhatIsTrimmed) {
  options_.max_bytes = 1000;
  Open();
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(Store({"job:" + std::to_string(i)}).ok());
  SaveViews();
  history_->Trim(kBegin);
  const uint64_t floor = history_->bounds().floor;
  history_.reset();
  auto store = RocksStore::Open(options_.dir, OpenAs::kWriter, std::make_shared<std::atomic<uint64_t>>(floor));
  ASSERT_TRUE(store.ok());
  rocksdb::CompactRangeOptions all;
  all.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  ASSERT_TRUE((*store)->db->CompactRange(all, (*store)->index, nullptr, nullptr).ok());
  uint64_t rows = 0;
  const std::unique_ptr<rocksdb::Iterator> index((*store)->db->NewIterator(rocksdb::ReadOptions(), (*store)->index));
  for (index->SeekToFirst(); index->Valid(); index->Next()) ++rows;
  EXPECT_EQ(rows, 500 - floor);
}

// --- What is wrong with a store, and its name.

TEST_F(RocksHistoryTest, AStoreInUseIsRefused) {
  Open();
  auto second = RocksHistory::Open(options_);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use by another process"));
}

TEST_F(RocksHistoryTest, AStoreOfANewerProgramIsRefused) {
  Open();
  history_.reset();
  {
    auto store = RocksStore::Open(options_.dir, OpenAs::kWriter, std::make_shared<std::atomic<uint64_t>>(0));
    (*store)->db->Put(rocksdb::WriteOptions(), (*store)->meta, kFormatKey, Number(kStoreFormat + 1));
  }
  const absl::Status status = TryOpen();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("newer Milepost (format 2, this one knows 1)"));
}

TEST_F(RocksHistoryTest, AcknowledgedRecordsThatAreMissingAreNoticed) {
  options_.sync = true;
  Open();
  StoreMany(10);
  history_.reset();
  std::filesystem::copy(options_.dir, directory_ + "/older");
  Open();
  StoreMany(10);
  history_.reset();
  // The store of before, with the mark of after: as if its newest file had been cut.
  std::filesystem::copy_file(options_.dir + "/ACKED", directory_ + "/older/ACKED", std::filesystem::copy_options::overwrite_existing);
  options_.dir = directory_ + "/older";
  const absl::Status status = TryOpen();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("ends at record 10, but record 20 was acknowledged"));
  options_.accept_loss = true;
  EXPECT_TRUE(TryOpen().ok());
  options_.accept_loss = false;
  EXPECT_TRUE(TryOpen().ok()) << "accepted once, it is accepted";
}

TEST_F(RocksHistoryTest, AHoleAmongTheNewestRecordsIsFoundAtTheStart) {
  Open();
  StoreMany(10);
  history_.reset();
  {
    auto store = RocksStore::Open(options_.dir, OpenAs::kWriter, std::make_shared<std::atomic<uint64_t>>(0));
    (*store)->db->Delete(rocksdb::WriteOptions(), (*store)->log, Number(5));
  }
  const absl::Status status = TryOpen();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("record 5 is missing"));
}

TEST_F(RocksHistoryTest, AHoleInTheLogIsDataLossAndNeverASilentGap) {
  options_.max_bytes = 1000;  // every record closes a segment
  Open();
  StoreMany(10);
  history_.reset();
  {
    auto store = RocksStore::Open(options_.dir, OpenAs::kWriter, std::make_shared<std::atomic<uint64_t>>(0));
    (*store)->db->Delete(rocksdb::WriteOptions(), (*store)->log, Number(5));
  }
  Open();
  const NameSet exact = Names({"job:1"}), pattern = Names({"job:*"});
  for (const NameSet* names : {&exact, &pattern}) {
    const Page page = history_->Read({.names = names});
    EXPECT_TRUE(absl::IsDataLoss(page.status));
    EXPECT_THAT(std::string(page.status.message()), HasSubstr("record 5 is missing"));
    EXPECT_THAT(page.events, IsEmpty());
    EXPECT_EQ(history_->Read({.names = names, .after = 5}).events.size(), 5u) << "the rest can be read";
  }
  EXPECT_TRUE(absl::IsDataLoss(history_->Replay(0, [](StoredRecord) { return absl::OkStatus(); })));
}

TEST_F(RocksHistoryTest, TooLittleSpaceIsNamedBeforeItIsUsedUp) {
  options_.min_free_bytes = ~size_t{0};
  Open();
  const absl::Status status = history_->Writable();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("nothing is stored: free some space"));
}

TEST_F(RocksHistoryTest, ADirectoryThatCannotBeMadeIsNamed) {
  std::ofstream(directory_ + "/file") << "x";
  options_.dir = directory_ + "/file/store";
  const absl::Status status = TryOpen();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot make the directory: Not a directory"));
}

TEST_F(RocksHistoryTest, ReopenGoesOnWithTheSameRecordsAndTheSameEpoch) {
  Open();
  StoreMany(10);
  ASSERT_TRUE(history_->Reopen().ok());
  EXPECT_EQ(history_->bounds().head, 10u);
  EXPECT_EQ(history_->LastOfEpoch("epoch101"), std::nullopt);
  StoreMany(5);
  EXPECT_EQ(All("job:1").size(), 15u);
}

}  // namespace
}  // namespace milepost::history
