// Damage in RocksDB's manifest and logs, which RocksDB takes for their end.
#include "services/history/log_file_check.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "services/history/rocks_history.h"
#include "tests/support/temp_dir.h"

namespace milepost::history {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// A store of three lives, each ended as by a crash: copied while it is open.
class LogFileCheckTest : public ::testing::Test {
 protected:
  LogFileCheckTest() {
    dir_ = directory_ + "/0";
    for (int life = 1; life <= 3; ++life) {
      auto history = Open();
      EXPECT_TRUE(history.ok()) << history.status();
      uint64_t seq = (*history)->bounds().head;
      for (int i = 0; i < 50; ++i) {
        v1::ProgressEvent event;
        event.set_job("job:1");
        event.set_seq(++seq);
        auto names = std::make_shared<const std::vector<std::string>>(1, "job:1");
        const Entry entry{.seq = seq, .commit_nanos = 5, .event = MakeStoredEvent(event, 5, names)};
        EXPECT_TRUE((*history)->Store({&entry, 1}).ok());
      }
      (*history)->Trim(6);  // notes how long the manifest is
      const std::string next = directory_ + "/" + std::to_string(life);
      fs::copy(dir_, next);
      dir_ = next;
    }
    for (const auto& file : fs::directory_iterator(dir_)) {
      if (ManifestNumber(file.path().string()) != 0) manifest_ = file.path().string();
    }
    std::ifstream file(manifest_, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
  }

  absl::StatusOr<std::unique_ptr<RocksHistory>> Open() {
    return RocksHistory::Open(
        {.dir = dir_, .epoch = "abcdefgh", .sync = false, .min_free_bytes = 0, .now = [] { return int64_t{1}; }});
  }
  void Write(const std::string& bytes) { std::ofstream(manifest_, std::ios::binary | std::ios::trunc) << bytes; }

  testing::TempDir temp_;
  const std::string& directory_ = temp_.path();
  std::string dir_, manifest_, bytes_;
};

TEST_F(LogFileCheckTest, AWholeStoreIsOpened) {
  const LogFileEnds ends = CheckLogFile(bytes_);
  EXPECT_EQ(ends.good, bytes_.size());
  EXPECT_FALSE(ends.torn || ends.broken);
  const auto history = Open();
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ((*history)->bounds().head, 150u);
}

TEST_F(LogFileCheckTest, NoFlippedBitOfTheManifestIsTakenForItsEnd) {
  int ends_early = 0;
  for (size_t bit = 0; bit < bytes_.size() * 8; ++bit) {
    std::string damaged = bytes_;
    damaged[bit / 8] ^= static_cast<char>(1 << bit % 8);
    const LogFileEnds ends = CheckLogFile(damaged);
    ASSERT_TRUE(ends.broken || ends.good < bytes_.size()) << "bit " << bit;
    if (ends.broken) continue;
    ++ends_early;
    Write(damaged);
    const auto history = Open();
    ASSERT_TRUE(absl::IsDataLoss(history.status())) << "bit " << bit;
    ASSERT_THAT(std::string(history.status().message()), HasSubstr("but had"));
  }
  EXPECT_GT(ends_early, 0) << "lengths past the end, which only the noted size tells";
}

TEST_F(LogFileCheckTest, AManifestThatWasCutIsNoticed) {
  for (size_t size = 0; size < bytes_.size(); size += 13) {
    Write(bytes_.substr(0, size));
    ASSERT_TRUE(absl::IsDataLoss(Open().status())) << size;
  }
}

TEST_F(LogFileCheckTest, ATornRecordAfterWhatIsKnownIsNoDamage) {
  Write(bytes_ + "half a");
  const auto history = Open();
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ((*history)->bounds().head, 150u);
}

TEST_F(LogFileCheckTest, ADamagedLogThatIsNotTheNewestIsNoticed) {
  std::string log;
  for (const auto& file : fs::directory_iterator(dir_)) {
    if (file.path().extension() == ".log") log = file.path().string();
  }
  // As if a newer one had been begun.
  std::ofstream(dir_ + "/999999.log");
  ASSERT_TRUE(CheckLogFiles(dir_, 0, 0).ok());
  fs::resize_file(log, fs::file_size(log) - 1);
  EXPECT_THAT(std::string(CheckLogFiles(dir_, 0, 0).message()), HasSubstr(".log has a bad record at byte"));
}

}  // namespace
}  // namespace milepost::history
