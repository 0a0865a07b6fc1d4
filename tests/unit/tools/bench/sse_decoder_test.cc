#include "tools/bench/client/sse_decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace milepost::bench {
namespace {

constexpr int64_t kNow = 2000;
constexpr char kPlainHead[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
constexpr char kChunkedHead[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string Frame(uint64_t number) { return EventFrame({1, number, 1500}); }

// Counts `stream`, fed in pieces that end at `cuts`.
Tally Count(absl::string_view stream, const std::vector<size_t>& cuts, const SseDecoder::Options& options = {}) {
  Tally tally;
  SseDecoder decoder(options);
  size_t begin = 0;
  for (const size_t cut : cuts) {
    decoder.Feed(stream.substr(begin, cut - begin), kNow, tally);
    begin = cut;
  }
  decoder.Feed(stream.substr(begin), kNow, tally);
  return tally;
}

void ExpectClean(const Tally& tally, uint64_t delivered) {
  EXPECT_EQ(tally.delivered, delivered);
  EXPECT_EQ(tally.ready, 1u);
  EXPECT_EQ(tally.repeated, 0u);
  EXPECT_EQ(tally.skipped, 0u);
  EXPECT_EQ(tally.malformed, 0u);
  EXPECT_EQ(tally.latency.count(), delivered);
}

std::string ChunkedStream() {
  // Chunks that hold one event, two events, and half events.
  const std::string third = Frame(4);
  return absl::StrCat(kChunkedHead, HttpChunk("retry: 1000\n\nevent: connected\ndata: {}\n\n"), HttpChunk(Frame(1)),
                      HttpChunk(absl::StrCat(Frame(2), ": keepalive\n\n", Frame(3))), HttpChunk(third.substr(0, 50)),
                      HttpChunk(third.substr(50, third.size() - 51)), HttpChunk("\n"), HttpChunk(Frame(5)));
}

TEST(SseDecoderTest, CountsTheSameWhereverAChunkedStreamIsCut) {
  const std::string stream = ChunkedStream();
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    SCOPED_TRACE(cut);
    ExpectClean(Count(stream, {cut}, {.ready_event = "connected", .ids_rise = true}), 5);
  }
}

TEST(SseDecoderTest, CountsTheSameByteByByte) {
  const std::string stream = ChunkedStream();
  std::vector<size_t> cuts;
  for (size_t i = 1; i < stream.size(); ++i) cuts.push_back(i);
  ExpectClean(Count(stream, cuts, {.ready_event = "connected", .ids_rise = true}), 5);
}

TEST(SseDecoderTest, CountsTheSameWhereverAPlainStreamIsCut) {
  const std::string stream = absl::StrCat(kPlainHead, ": hi\n\n", Frame(1), Frame(2));
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    SCOPED_TRACE(cut);
    ExpectClean(Count(stream, {cut}), 2);
  }
}

TEST(SseDecoderTest, MeasuresFromPublishToReceipt) {
  EXPECT_EQ(Count(absl::StrCat(kPlainHead, Frame(1)), {}).latency.Quantile(1), 500u);
}

TEST(SseDecoderTest, NoticesRepeatedAndSkippedEvents) {
  const Tally tally = Count(absl::StrCat(kPlainHead, Frame(1), Frame(4), Frame(4), Frame(2), Frame(5)), {});
  EXPECT_EQ(tally.delivered, 3u);
  EXPECT_EQ(tally.skipped, 2u);
  EXPECT_EQ(tally.repeated, 2u);
}

TEST(SseDecoderTest, NoticesIdsThatGoBackOnlyIfAskedTo) {
  const std::string stream = absl::StrCat(kPlainHead, "id: e-5\ndata: x\n\n", "id: e-4\ndata: x\n\n");
  EXPECT_EQ(Count(stream, {}, {.ids_rise = true}).malformed, 1u);
  EXPECT_EQ(Count(stream, {}, {.ids_rise = false}).malformed, 0u);
}

TEST(SseDecoderTest, IsNotReadyBeforeTheNamedEvent) {
  const SseDecoder::Options options{.ready_event = "snapshot"};
  EXPECT_EQ(Count(absl::StrCat(kPlainHead, "event: connected\ndata: {}\n\n"), {}, options).ready, 0u);
  EXPECT_EQ(Count(absl::StrCat(kPlainHead, "event: snapshot\ndata: {}\n\nevent: snapshot\ndata: {}\n\n"), {}, options)
                .ready,
            1u);
}

TEST(SseDecoderTest, RefusesWhatIsNoStream) {
  EXPECT_EQ(Count("HTTP/1.1 503 Service Unavailable\r\n\r\n", {}).malformed, 1u);
  EXPECT_EQ(Count(absl::StrCat(kChunkedHead, "zz\r\n"), {}).malformed, 1u);
  EXPECT_EQ(Count(absl::StrCat(kChunkedHead, "0\r\n\r\n"), {}).malformed, 1u);  // it ended
  EXPECT_EQ(Count(std::string(kMaxHeaderBytes + 1, 'x'), {}).malformed, 1u);
  EXPECT_EQ(Count(std::string(kMaxHeaderBytes, 'x'), {}).malformed, 0u);
}

TEST(SseDecoderTest, RefusesAnEventWithoutEnd) {
  const std::string endless = absl::StrCat(kPlainHead, "data: ");
  EXPECT_EQ(Count(absl::StrCat(endless, std::string(kMaxEventBytes - 6, 'x'), "x"), {endless.size()}).malformed, 1u);
  EXPECT_EQ(Count(absl::StrCat(endless, std::string(kMaxEventBytes - 6, 'x')), {endless.size()}).malformed, 0u);
}

TEST(SseDecoderTest, CountsAnEventWithoutMarkAsMalformed) {
  EXPECT_EQ(Count(absl::StrCat(kPlainHead, "event: step-progress\ndata: {}\n\n"), {}).malformed, 1u);
}

TEST(SseDecoderTest, AReaderThatResumesIsFinishedWithItsLastEventAndNotBefore) {
  const SseDecoder::Options options{.had = 1, .finish = 3};
  const Tally part = Count(kPlainHead + Frame(2), {}, options);
  ExpectClean(part, 1);
  EXPECT_EQ(part.finished, 0u);
  const Tally all = Count(kPlainHead + Frame(2) + Frame(3), {}, options);
  ExpectClean(all, 2);
  EXPECT_EQ(all.finished, 1u);
  EXPECT_EQ(all.finish.count(), 1u);
}

TEST(SseDecoderTest, AReaderThatResumesNoticesWhatItHadWhatItMissesAndAReset) {
  const SseDecoder::Options options{.had = 1, .finish = 3};
  EXPECT_EQ(Count(kPlainHead + Frame(1), {}, options).repeated, 1u);
  EXPECT_EQ(Count(kPlainHead + Frame(3), {}, options).skipped, 1u);
  EXPECT_EQ(Count(std::string(kPlainHead) + "event: reset\ndata: {}\n\n", {}, options).resets, 1u);
}

}  // namespace
}  // namespace milepost::bench
