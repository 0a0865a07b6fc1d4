#include "tools/bench/wire/event_mark.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tools/bench/wire/relay_records.h"

namespace milepost::bench {
namespace {

TEST(EventMarkTest, ComesBackFromTheFrameOfAnEvent) {
  const BenchEvent event{17, 1234567, 987654321012345};
  EXPECT_EQ(FindMark(EventFrame(event)), (Mark{1234567, 987654321012345}));
  EXPECT_EQ(FindJob(EventFrame(event)), 17u);
}

TEST(EventMarkTest, IsNotSeenWhereOnlyPartOfItStands) {
  for (const char* text : {"", "#", "#12", "#12 ", "#12 @", "#x @5", "12 @5", "#12@5", "#12 @x"}) {
    EXPECT_EQ(FindMark(text), std::nullopt) << text;
  }
  EXPECT_EQ(FindMark("# #1 #12 @5"), (Mark{12, 5}));
}

TEST(EventMarkTest, FrameIsOneEventOfTheRecordedSize) {
  const std::string frame = EventFrame({7, 1000, 500'000'000'000});
  EXPECT_EQ(frame.find("\n\n"), frame.size() - 2);
  EXPECT_GE(frame.size(), 200u);
  EXPECT_LE(frame.size(), 280u);
}

TEST(EventMarkTest, ChunkTellsItsSizeInHexadecimal) {
  EXPECT_EQ(HttpChunk(std::string(26, 'x')), "1a\r\n" + std::string(26, 'x') + "\r\n");
}

TEST(RelayRecordsTest, ComeOutWholeHoweverTheBytesAreCut) {
  std::string bytes;
  AppendRelayRecord(1, "one", bytes);
  AppendRelayRecord(2, "", bytes);
  AppendRelayRecord(3, "three", bytes);
  const std::vector<std::string> wanted{"1:one", "2:", "3:three"};
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    RelayRecordReader reader;
    std::vector<std::string> got;
    const auto take = [&](uint32_t job, absl::string_view payload) {
      got.push_back(std::to_string(job) + ":" + std::string(payload));
    };
    reader.Feed(absl::string_view(bytes).substr(0, cut), take);
    reader.Feed(absl::string_view(bytes).substr(cut), take);
    EXPECT_EQ(got, wanted) << cut;
  }
}

}  // namespace
}  // namespace milepost::bench
