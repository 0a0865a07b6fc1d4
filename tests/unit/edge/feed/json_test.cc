// The hand-written JSON of hot events against the library's, and frames as bytes.
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/feed/frame.h"
#include "edge/feed/frame_cache.h"
#include "edge/feed/json.h"
#include "google/protobuf/util/json_util.h"
#include "tests/support/stream_decoder.h"

namespace milepost::edge::feed {
namespace {

std::string LibraryJson(const v1::ProgressEvent& event) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(event, &json).ok());
  return json;
}

const std::vector<std::string>& HostileStrings() {
  static const auto* strings = new std::vector<std::string>{
      "", "plain", "\r", "\n", "\r\n", std::string("\0", 1), "\x7f", "\u2028\u2029", "\ufeff", "</script>", "\nid: 9\n",
      "\nretry: 1\n", "\"\\/\b\f\t", "\x01\x1f", "ä\u00ad\u200b\u0600", "\U0001F600", "\u0080\u009f", "data: x", ": comment"};
  return *strings;
}

double RandomNumber(std::mt19937& random) {
  switch (random() % 8) {
    case 0:
      return 0;
    case 1:
      return random() % 1000;
    case 2:
      return (random() % 1000) / 1000.0;
    case 3:
      return std::ldexp(random(), static_cast<int>(random() % 2000) - 1000);
    case 4:
      return 1e15 + random() % 10;
    case 5:
      return std::numeric_limits<double>::denorm_min();
    case 6:
      return -0.0;
    default:
      return random() / 4294967296.0;
  }
}

v1::ProgressEvent RandomHotEvent(std::mt19937& random) {
  const auto chance = [&] { return random() % 2 == 0; };
  const auto text = [&] { return HostileStrings()[random() % HostileStrings().size()]; };
  v1::ProgressEvent event;
  if (chance()) event.set_job(text());
  if (chance()) event.set_seq((static_cast<uint64_t>(random()) << 32) | random());
  for (int i = random() % 3; i > 0; --i) event.add_resources(text());
  if (chance()) {
    event.mutable_time()->set_seconds(static_cast<int64_t>(random()) * 73 - 62'135'596'800);
    event.mutable_time()->set_nanos(std::vector<int>{0, 1, 999'999'999, 120'000'000, 345'000}[random() % 5]);
  }
  if (chance()) event.mutable_commit_time()->set_seconds(random());
  if (chance()) event.set_attempt(random() % 3);
  if (chance()) event.set_correlation_id(text());
  if (chance()) event.set_traceparent(text());
  if (chance()) event.set_overall(RandomNumber(random));
  if (chance()) {
    const int sign = chance() ? 1 : -1;
    event.mutable_eta()->set_seconds(sign * static_cast<int64_t>(random() % 1000));
    event.mutable_eta()->set_nanos(sign * std::vector<int>{0, 500'000'000, 1, 1000}[random() % 4]);
    event.mutable_eta_p90()->set_seconds(sign * static_cast<int64_t>(random() % 1000));
    event.mutable_start_eta()->set_seconds(sign * static_cast<int64_t>(random() % 1000));
  }
  if (chance()) {
    v1::StepProgress& progress = *event.mutable_progress();
    if (chance()) progress.set_step(text());
    if (chance()) progress.set_fraction(RandomNumber(random));
    if (chance()) progress.set_done(RandomNumber(random));
    if (chance()) progress.set_total(RandomNumber(random));
    if (chance()) progress.set_unit(text());
    if (chance()) progress.set_message(text());
  } else {
    v1::Output::Line& line = *event.mutable_output()->mutable_line();
    if (chance()) line.set_stream(text());
    if (chance()) line.set_text(text());
  }
  return event;
}

TEST(EventJsonTest, HotEventsAreWrittenAsTheLibraryWritesThem) {
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const v1::ProgressEvent event = RandomHotEvent(random);
    ASSERT_EQ(EventJson(event), LibraryJson(event)) << event.DebugString();
  }
}

TEST(EventJsonTest, AnEventThatJsonCannotExpressStillTellsItsJobAndNumber) {
  v1::ProgressEvent event;
  event.set_job("job:1");
  event.set_seq(5);
  event.mutable_time()->set_seconds(std::numeric_limits<int64_t>::max());
  event.mutable_progress();
  EXPECT_EQ(EventJson(event), R"({"job":"job:1","seq":"5"})");
}

v1::Snapshot SnapshotOf(const std::vector<size_t>& message_bytes) {
  v1::Snapshot snapshot;
  snapshot.set_resource("user:7");
  snapshot.set_cursor("abcd1234-12");
  for (size_t bytes : message_bytes) snapshot.add_jobs()->set_message(std::string(bytes, '"'));  // each takes two bytes
  snapshot.mutable_counts()->set_total(message_bytes.size());
  return snapshot;
}

TEST(SnapshotFramesTest, OneHasAllMembers) {
  v1::Snapshot snapshot = SnapshotOf({0});
  snapshot.mutable_jobs(0)->set_job("job:1");
  EXPECT_THAT(SnapshotFrames(snapshot), ::testing::ElementsAre(
      R"({"type":"snapshot","resource":"user:7","cursor":"abcd1234-12","jobs":[{"job":"job:1","message":""}],)"
      R"("counts":{"byState":{},"total":1},"more":false})"));
  snapshot.set_more(true);
  EXPECT_THAT(SnapshotFrames(snapshot).back(), ::testing::EndsWith(R"("more":true})"));
  EXPECT_EQ(SnapshotFrames(SnapshotOf({})).size(), 1u);
}

TEST(SnapshotFramesTest, NoneIsLargerThanOneMayBeUnlessOneJobIs) {
  const size_t around = SnapshotFrames(SnapshotOf({0}))[0].size();
  const size_t fits = (kMaxSnapshotFrameBytes - around) / 2;
  EXPECT_EQ(SnapshotFrames(SnapshotOf({fits - 1})).size(), 1u);
  // The second job's braces and name no longer fit.
  EXPECT_EQ(SnapshotFrames(SnapshotOf({fits - 1, 0})).size(), 2u);
  const auto frames = SnapshotFrames(SnapshotOf({10, kMaxSnapshotFrameBytes, 10, fits / 2, fits / 2, 10}));
  ASSERT_EQ(frames.size(), 4u);
  EXPECT_GT(frames[1].size(), kMaxSnapshotFrameBytes);
  for (size_t i : {0, 2, 3}) EXPECT_LE(frames[i].size(), kMaxSnapshotFrameBytes);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(frames[i].find(R"("more":true})") != std::string::npos, i != 3) << i;
}

TEST(FrameTest, IsOneChunkWithIdEventDataInThatOrder) {
  v1::ProgressEvent event;
  event.set_job("job:42");
  event.set_seq(1042);
  event.mutable_progress()->set_step("tts");
  event.mutable_progress()->set_fraction(0.4);
  const Frame frame(event, "abcd1234");
  EXPECT_EQ(frame.wire(),
            "75\r\n"
            "id: abcd1234-1042\n"
            "event: step-progress\n"
            "data: {\"job\":\"job:42\",\"seq\":\"1042\",\"progress\":{\"step\":\"tts\",\"fraction\":0.4}}\n\n\r\n");
  EXPECT_EQ(frame.json(), R"({"job":"job:42","seq":"1042","progress":{"step":"tts","fraction":0.4}})");
  EXPECT_EQ(frame.unnamed_wire(),
            "60\r\n"
            "id: abcd1234-1042\n"
            "data: {\"job\":\"job:42\",\"seq\":\"1042\",\"progress\":{\"step\":\"tts\",\"fraction\":0.4}}\n\n\r\n");
}

TEST(FrameTest, HostileStringsNeitherEndNorForgeFrames) {
  for (const std::string& text : HostileStrings()) {
    v1::ProgressEvent event;
    event.set_job("job:1");
    event.set_seq(3);
    (*event.mutable_metadata()->mutable_fields())[text].set_string_value(text);
    event.mutable_notice()->set_text(text);
    event.mutable_notice()->set_code(text);
    const Frame frame(event, "abcd1234");
    test::StreamDecoder decoder(false);
    decoder.Feed(frame.wire());
    ASSERT_EQ(decoder.error(), "");
    ASSERT_EQ(decoder.frames().size(), 1u);
    EXPECT_EQ(decoder.frames()[0].id, "abcd1234-3");
    EXPECT_EQ(decoder.frames()[0].event, "notice");
    EXPECT_EQ(decoder.retry_ms(), -1);
    v1::ProgressEvent back;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(decoder.frames()[0].data, &back).ok());
    EXPECT_EQ(back.notice().text(), text);
  }
}

TEST(FrameTest, ACustomNameThatIsNoneCannotForgeALine) {
  v1::ProgressEvent event;
  event.set_job("job:1");
  event.set_seq(3);
  event.mutable_custom()->set_name("x\nid: 9");
  EXPECT_EQ(Frame(event, "abcd1234").type(), "unknown");
}

TEST(FrameCacheTest, EncodesAnEventOnceUnlessItIsLargeOrOfAnotherEpoch) {
  FrameCache cache(4);
  v1::ProgressEvent event;
  event.set_job("job:1");
  event.set_seq(5);
  event.mutable_notice();
  const FramePtr first = cache.Get(event, "aaaaaaaa");
  EXPECT_EQ(cache.Get(event, "aaaaaaaa"), first);
  EXPECT_NE(cache.Get(event, "bbbbbbbb"), first);
  event.set_seq(9);  // the same slot
  EXPECT_EQ(cache.Get(event, "aaaaaaaa")->seq(), 9u);
  event.mutable_notice()->set_text(std::string(FrameCache::kMaxFrameBytes, 'x'));
  event.set_seq(10);
  EXPECT_NE(cache.Get(event, "aaaaaaaa"), cache.Get(event, "aaaaaaaa"));
}

TEST(FrameTest, KnowsHowTheJobEnds) {
  v1::ProgressEvent event;
  event.set_seq(1);
  event.mutable_failed()->set_code("INTERNAL");
  EXPECT_EQ(Frame(event, "e").job_end(), JobEnd::kFinal);
  event.mutable_failed()->set_retryable(true);
  EXPECT_EQ(Frame(event, "e").job_end(), JobEnd::kRetryable);
  event.mutable_completed();
  EXPECT_EQ(Frame(event, "e").job_end(), JobEnd::kFinal);
  event.mutable_notice();
  EXPECT_EQ(Frame(event, "e").job_end(), JobEnd::kNone);
}

}  // namespace
}  // namespace milepost::edge::feed
