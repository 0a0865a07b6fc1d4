// Looking at stores, checking and copying them: also while they are in use, and when they are damaged.
#include "services/history/store_tools.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "services/history/rocks_history.h"
#include "services/history/rocks_store.h"
#include "tests/support/temp_dir.h"

namespace milepost::history {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreToolsTest : public ::testing::Test {
 protected:
  StoreToolsTest() {
    dir_ = directory_ + "/store";
    Open();
  }
  ~StoreToolsTest() override {
    history_.reset();
  }

  void Open() {
    history_.reset();
    auto opened = RocksHistory::Open({.dir = dir_,
                                      .epoch = "epoch" + std::to_string(100 + ++opened_),
                                      .sync = false,
                                      .max_bytes = 20'000,
                                      .min_free_bytes = 0,
                                      .now = [] { return int64_t{1}; }});
    ASSERT_TRUE(opened.ok()) << opened.status();
    history_ = *std::move(opened);
  }
  void Store(size_t count) {
    uint64_t seq = history_->bounds().head;
    std::vector<Entry> entries;
    for (size_t i = 0; i < count; ++i) {
      v1::ProgressEvent event;
      event.set_job("job:" + std::to_string(++seq % 3));
      event.set_seq(seq);
      event.mutable_notice()->set_text("text");
      auto names = std::make_shared<const std::vector<std::string>>(std::vector<std::string>{event.job(), "user:1"});
      entries.push_back({.seq = seq, .commit_nanos = 5, .event = MakeStoredEvent(event, 5, names)});
    }
    ASSERT_TRUE(history_->Store(entries).ok());
    const std::vector<ViewRow> rows = {{"row", std::to_string(seq)}};
    ASSERT_TRUE(history_->SaveViews(seq, rows).ok());
  }
  template <typename Change>
  void Damage(Change change) {
    history_.reset();
    auto store = RocksStore::Open(dir_, OpenAs::kWriter, std::make_shared<std::atomic<uint64_t>>(0));
    ASSERT_TRUE(store.ok());
    change(**store);
  }
  static std::vector<std::string> Faults(const std::string& dir) {
    std::vector<std::string> faults;
    const auto counts = VerifyStore(dir, [&](std::string fault) { faults.push_back(std::move(fault)); }, [](uint64_t, uint64_t) {});
    if (!counts.ok()) faults.push_back(std::string(counts.status().message()));
    return faults;
  }
  static std::vector<uint64_t> Dumped(const std::string& dir, uint64_t after = 0, const NameSet* names = nullptr) {
    std::vector<uint64_t> seqs;
    const absl::Status status = DumpStore(dir, after, names, [&](const StoredEvent& event) {
      seqs.push_back(event.seq);
      return true;
    });
    EXPECT_TRUE(status.ok()) << status;
    return seqs;
  }

  testing::TempDir temp_;
  const std::string& directory_ = temp_.path();
  std::string dir_;
  int opened_ = 0;
  std::unique_ptr<RocksHistory> history_;
};

TEST_F(StoreToolsTest, InfoTellsBoundsAndEpochsOfAStoreInUse) {
  Store(10);
  Open();
  Store(5);
  const auto info = InspectStore(dir_);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->head, 15u);
  EXPECT_EQ(info->acked, 15u);
  EXPECT_EQ(info->views, 15u);
  EXPECT_EQ(info->oldest_nanos, 5);
  ASSERT_EQ(info->epochs.size(), 2u);
  EXPECT_EQ(info->epochs[1].name, "epoch102");
  EXPECT_EQ(info->epochs[1].first, 11u);
}

TEST_F(StoreToolsTest, DumpGivesWhatIsAskedForInOrder) {
  Store(9);
  EXPECT_EQ(Dumped(dir_, 7), (std::vector<uint64_t>{8, 9}));
  NameSet names;
  names.Add("job:1");
  EXPECT_EQ(Dumped(dir_, 0, &names), (std::vector<uint64_t>{1, 4, 7}));
  names.Add("user:*");
  EXPECT_EQ(Dumped(dir_, 0, &names).size(), 9u);
}

TEST_F(StoreToolsTest, ACopyOfEitherKindIsAStoreThatGoesOn) {
  Store(2000);
  history_->Trim(1);
  ASSERT_GT(history_->bounds().floor, 0u);
  Store(10);
  const auto expected = Dumped(dir_);
  for (const CopyAs as : {CopyAs::kBackup, CopyAs::kRecords}) {
    const std::string to = directory_ + (as == CopyAs::kBackup ? "/backup" : "/copy");
    const auto counts = CopyStore(dir_, to, as, [](uint64_t, uint64_t) {});
    ASSERT_TRUE(counts.ok()) << counts.status();
    EXPECT_EQ(counts->records, expected.size());
    EXPECT_THAT(Faults(to), IsEmpty());
    EXPECT_EQ(Dumped(to), expected);
    auto opened = RocksHistory::Open({.dir = to, .epoch = "restored", .now = [] { return int64_t{1}; }});
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ((*opened)->bounds().head, 2010u);
    EXPECT_EQ((*opened)->LastOfEpoch("epoch101"), 2010u);
    std::string row;
    EXPECT_EQ((*opened)->LoadViews([&](ViewRow got) {
      row = got.value;
      return absl::OkStatus();
    }).value(), 2010u);
    EXPECT_EQ(row, "2010");
  }
}

TEST_F(StoreToolsTest, ABackupTakenUnderLoadIsOneMomentOfTheStore) {
  Store(100);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 0; i < 400 && !stop; ++i) Store(50);
  });
  for (int i = 0; i < 5; ++i) {
    const std::string to = directory_ + "/backup" + std::to_string(i);
    const auto counts = CopyStore(dir_, to, CopyAs::kBackup, [](uint64_t, uint64_t) {});
    ASSERT_TRUE(counts.ok()) << counts.status();
    EXPECT_THAT(Faults(to), IsEmpty());
  }
  stop = true;
  writer.join();
}

TEST_F(StoreToolsTest, NothingIsWrittenOverAndAFailedCopyLeavesNothing) {
  Store(10);
  fs::create_directory(directory_ + "/there");
  const auto there = CopyStore(dir_, directory_ + "/there", CopyAs::kBackup, [](uint64_t, uint64_t) {});
  EXPECT_TRUE(absl::IsFailedPrecondition(there.status()));
  Damage([](RocksStore& store) { store.db->Delete(rocksdb::WriteOptions(), store.log, Number(5)); });
  const auto broken = CopyStore(dir_, directory_ + "/broken", CopyAs::kRecords, [](uint64_t, uint64_t) {});
  EXPECT_THAT(std::string(broken.status().message()), HasSubstr("record 5 is missing"));
  EXPECT_FALSE(fs::exists(directory_ + "/broken"));
  EXPECT_FALSE(fs::exists(directory_ + "/broken.partial"));
  EXPECT_TRUE(absl::IsNotFound(CopyStore(directory_ + "/none", directory_ + "/x", CopyAs::kBackup, [](uint64_t, uint64_t) {}).status()));
}

TEST_F(StoreToolsTest, VerifyFindsNothingInAGoodStore) {
  Store(100);
  EXPECT_THAT(Faults(dir_), IsEmpty()) << "in use";
  history_.reset();
  EXPECT_THAT(Faults(dir_), IsEmpty());
}

TEST_F(StoreToolsTest, VerifyNamesWhatIsBroken) {
  Store(20);
  const rocksdb::WriteOptions write;
  Damage([&](RocksStore& store) {
    store.db->Delete(write, store.log, Number(5));
    store.db->Delete(write, store.log, Number(6));
    store.db->Put(write, store.log, Number(9), "\x01\xff");
    store.db->Delete(write, store.index, IndexKey("user:1", 12));
    store.db->Put(write, store.index, IndexKey("user:9", 77), "notice");
  });
  std::ofstream(dir_ + "/ACKED", std::ios::binary) << std::string("\x63\0\0\0\0\0\0\0", 8);
  const auto faults = Faults(dir_);
  EXPECT_THAT(faults, Contains("records 5 to 6 are missing"));
  EXPECT_THAT(faults, Contains("record 9: cannot be read"));
  EXPECT_THAT(faults, Contains(HasSubstr("record 12: user:1 does not lead to it")));
  EXPECT_THAT(faults, Contains(HasSubstr("the index leads to record 77")));
  EXPECT_THAT(faults, Contains("the log ends at record 20, but record 99 was acknowledged"));
  const auto every = [](const StoredEvent&) { return true; };
  EXPECT_THAT(std::string(DumpStore(dir_, 9, nullptr, every).message()), HasSubstr("but record 99 was acknowledged"));
}

TEST_F(StoreToolsTest, WhatIsNoStoreIsNamed) {
  EXPECT_THAT(std::string(InspectStore(directory_).status().message()), HasSubstr("there is no store"));
}

}  // namespace
}  // namespace milepost::history
