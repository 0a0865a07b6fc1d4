#include "tools/bench/client/websocket_decoder.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace milepost::bench {
namespace {

constexpr int64_t kNow = 2000;
constexpr char kHead[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

// An unmasked frame with the length coded as RFC 6455 wants it.
std::string Frame(uint8_t first, absl::string_view payload) {
  std::string frame(1, static_cast<char>(first));
  const uint64_t size = payload.size();
  if (size < 126) {
    frame += static_cast<char>(size);
  } else {
    const int length_bytes = size <= UINT16_MAX ? 2 : 8;
    frame += static_cast<char>(length_bytes == 2 ? 126 : 127);
    for (int i = length_bytes - 1; i >= 0; --i) frame += static_cast<char>(size >> (8 * i) & 0xff);
  }
  return absl::StrCat(frame, payload);
}

std::string Text(uint64_t number, size_t padding = 0) {
  return Frame(0x81, absl::StrCat(FormatMark({1, number, 1500}), std::string(padding, ' ')));
}

Tally Count(absl::string_view stream, size_t cut) {
  Tally tally;
  WebSocketDecoder decoder;
  decoder.Feed(stream.substr(0, cut), kNow, tally);
  decoder.Feed(stream.substr(cut), kNow, tally);
  return tally;
}

TEST(WebSocketDecoderTest, CountsTheSameWhereverTheStreamIsCut) {
  const std::string stream =
      absl::StrCat(kHead, Text(1), Frame(0x89, "ping"), Text(2, 200), Text(3), Frame(0x8a, ""), Text(4));
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    const Tally tally = Count(stream, cut);
    ASSERT_EQ(tally.delivered, 4u) << cut;
    ASSERT_EQ(tally.ready, 1u);
    ASSERT_EQ(tally.malformed + tally.skipped + tally.repeated, 0u);
    ASSERT_EQ(tally.latency.Quantile(1), 500u);
  }
}

TEST(WebSocketDecoderTest, ReadsLengthsOfAllThreeForms) {
  const std::string stream = absl::StrCat(kHead, Text(1), Text(2, 65'000), Text(3, 66'000));
  EXPECT_EQ(Count(stream, 0).delivered, 3u);
  EXPECT_EQ(Count(stream, 40'000).delivered, 3u);
}

TEST(WebSocketDecoderTest, RefusesWhatAServerMustNotSend) {
  std::string masked = Text(1);
  masked[1] = static_cast<char>(masked[1] | 0x80);
  EXPECT_EQ(Count(absl::StrCat(kHead, masked), 0).malformed, 1u);
  EXPECT_EQ(Count(absl::StrCat(kHead, Frame(0x01, "#1 @2")), 0).malformed, 1u) << "a fragment";
  EXPECT_EQ(Count(absl::StrCat(kHead, Frame(0x81, "no mark")), 0).malformed, 1u);
  EXPECT_EQ(Count("HTTP/1.1 400 Bad Request\r\n\r\n", 0).malformed, 1u);
}

TEST(WebSocketDecoderTest, RefusesAMessageOverTheLimit) {
  const size_t room = WebSocketDecoder::kMaxMessageBytes - FormatMark({1, 1, 1500}).size();
  EXPECT_EQ(Count(absl::StrCat(kHead, Text(1, room)), 0).delivered, 1u);
  EXPECT_EQ(Count(absl::StrCat(kHead, Text(1, room + 1)), 0).malformed, 1u);
}

}  // namespace
}  // namespace milepost::bench
