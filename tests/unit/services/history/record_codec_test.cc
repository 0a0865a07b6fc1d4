// The format of records, held by golden files: tests/golden/records.txt has one record a line, in hex.
#include "services/history/record_codec.h"

#include <fstream>
#include <map>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "tests/support/events.h"

namespace milepost::history {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Samples {
  Samples() {
    event.set_job("job:42");
    event.add_resources("user:7");
    event.set_seq(1042);
    event.mutable_commit_time()->set_seconds(1'700'000'000);
    event.mutable_progress()->set_step("tts");
    event.mutable_progress()->set_fraction(0.4);
    names = std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"job:42", "user:7"});
    constexpr int64_t kNanos = 1'700'000'000'000'000'000;
    entries["event"] = {.seq = 1042, .commit_nanos = kNanos, .event = MakeStoredEvent(event, kNanos, names)};
    entries["numbered"] = entries["event"];
    entries["numbered"].origin = {.producer = "0123456789abcdef", .number = 300};
    entries["first"] = entries["event"];
    entries["first"].origin = {.producer = "0123456789abcdef", .number = 1, .first_of_stream = true};
    entries["leased"] = entries["first"];
    entries["leased"].origin.lease_nanos = 90'000'000'000;
    entries["idempotent"] = entries["event"];
    entries["idempotent"].origin = {.idempotency_key = "caller key", .idempotency_content = "digest", .index = 3};
    entries["conditional"] = entries["event"];
    entries["conditional"].origin = {.only_after = 1041};
    entries["void"] = {.seq = 1042, .commit_nanos = kNanos, .origin = {.producer = "0123456789abcdef", .number = 7}};
    refused.set_job("job:43");
    refused.mutable_notice()->set_text("x");
    entries["refused"] = {.seq = 1042, .commit_nanos = kNanos, .refused = &refused};
  }

  v1::ProgressEvent event, refused;
  std::shared_ptr<const std::vector<std::string>> names;
  std::map<std::string, Entry> entries;
};

std::string Encoded(const Entry& entry) {
  std::string bytes;
  EncodeRecord(entry, &bytes);
  return bytes;
}

TEST(RecordCodecTest, BytesAreThoseOfTheGoldenFile) {
  const Samples samples;
  std::ifstream file(MILEPOST_GOLDEN "/records.txt");
  std::map<std::string, std::string> golden;
  for (std::string name, hex; file >> name >> hex;) golden[name] = absl::HexStringToBytes(hex);
  ASSERT_EQ(golden.size(), samples.entries.size()) << "cannot read tests/golden/records.txt";
  for (const auto& [name, entry] : samples.entries) {
    EXPECT_EQ(absl::BytesToHexString(Encoded(entry)), absl::BytesToHexString(golden[name]))
        << name << ": a store written before could not be read; raise kRecordVersion and read both";
  }
}

TEST(RecordCodecTest, ARecordIsReadBackAsItWas) {
  const Samples samples;
  for (const auto& [name, entry] : samples.entries) {
    SCOPED_TRACE(name);
    const std::string bytes = Encoded(entry);
    const auto record = DecodeRecord(1042, bytes);
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(record->commit_nanos, entry.commit_nanos);
    EXPECT_EQ(record->is_event, entry.event != nullptr);
    EXPECT_EQ(record->event != nullptr, entry.event != nullptr || entry.refused != nullptr);
    if (record->event) {
      EXPECT_EQ(record->event->SerializeAsString(),
                (entry.event ? samples.event : samples.refused).SerializeAsString());
    }
    EXPECT_EQ(record->producer, std::string(entry.origin.producer));
    EXPECT_EQ(record->number, entry.origin.number);
    EXPECT_EQ(record->first_of_stream, entry.origin.first_of_stream);
    EXPECT_EQ(record->lease_nanos, entry.origin.lease_nanos);
    EXPECT_EQ(record->idempotency_key, std::string(entry.origin.idempotency_key));
    EXPECT_EQ(record->idempotency_content, std::string(entry.origin.idempotency_content));
    EXPECT_EQ(record->index, entry.origin.index);
    EXPECT_EQ(record->only_after, entry.origin.only_after);
    const auto event = DecodeEvent(1042, bytes);
    ASSERT_TRUE(event.ok()) << event.status();
    ASSERT_EQ(*event != nullptr, entry.event != nullptr);
    if (*event == nullptr) continue;
    EXPECT_EQ((*event)->bytes, entry.event->bytes);
    EXPECT_EQ((*event)->type, "step-progress");
    EXPECT_EQ((*event)->progress_key, entry.event->progress_key);
    EXPECT_THAT(*(*event)->names, ElementsAre("job:42", "user:7"));
  }
}

TEST(RecordCodecTest, WhatIsNoRecordIsDataLossThatNamesIt) {
  const Samples samples;
  std::string newer = Encoded(samples.entries.at("event"));
  newer[0] = 2;
  EXPECT_THAT(std::string(DecodeRecord(7, newer).status().message()), HasSubstr("record 7: is of format 2"));
  EXPECT_TRUE(absl::IsDataLoss(DecodeEvent(7, "").status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeEvent(7, "\x01\xff").status()));
  EXPECT_THAT(std::string(DecodeEvent(1043, Encoded(samples.entries.at("event"))).status().message()),
              HasSubstr("holds the event of record 1042"));
}

TEST(RecordCodecTest, DamagedBytesAreNeverMoreThanAnError) {
  const Samples samples;
  std::mt19937 random(1);
  for (const auto& [name, entry] : samples.entries) {
    const std::string bytes = Encoded(entry);
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      (void)DecodeRecord(1042, bytes.substr(0, cut));
      (void)DecodeEvent(1042, bytes.substr(0, cut));
    }
    for (int i = 0; i < 2000; ++i) {
      std::string damaged = bytes;
      damaged[random() % damaged.size()] ^= static_cast<char>(1 << random() % 8);
      (void)DecodeRecord(1042, damaged);
      (void)DecodeEvent(1042, damaged);
    }
  }
}

}  // namespace
}  // namespace milepost::history
