#include "tools/bench/producers/http2_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace milepost::bench {
namespace {

using ::testing::HasSubstr;

constexpr size_t kPrefaceBytes = 24;

std::string BigEndian(uint64_t value, int bytes) {
  std::string out;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  return BigEndian(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) + BigEndian(stream, 4) + payload;
}

std::string Answer(uint64_t acked) {
  v1::PublishStreamResponse answer;
  answer.set_acked(acked);
  answer.set_credit(1024);
  const std::string bytes = answer.SerializeAsString();
  return Frame(0, 0, 1, '\0' + BigEndian(bytes.size(), 4) + bytes);
}

struct Sent {
  uint8_t type;
  uint8_t flags;
  std::string payload;
};

std::vector<Sent> FramesOf(const std::string& bytes) {
  std::vector<Sent> frames;
  for (size_t at = 0; at + 9 <= bytes.size();) {
    const size_t length = static_cast<uint8_t>(bytes[at]) << 16 | static_cast<uint8_t>(bytes[at + 1]) << 8 |
                          static_cast<uint8_t>(bytes[at + 2]);
    frames.push_back({static_cast<uint8_t>(bytes[at + 3]), static_cast<uint8_t>(bytes[at + 4]), bytes.substr(at + 9, length)});
    at += 9 + length;
  }
  return frames;
}

std::string DataOf(const std::string& bytes) {
  std::string data;
  for (const Sent& frame : FramesOf(bytes)) data += frame.type == 0 ? frame.payload : "";
  return data;
}

std::vector<v1::PublishStreamRequest> RequestsOf(std::string data) {
  std::vector<v1::PublishStreamRequest> requests;
  while (data.size() >= 5) {
    const size_t length = static_cast<uint8_t>(data[3]) << 8 | static_cast<uint8_t>(data[4]) | static_cast<uint8_t>(data[2]) << 16;
    EXPECT_TRUE(requests.emplace_back().ParseFromString(data.substr(5, length)));
    data.erase(0, 5 + length);
  }
  return requests;
}

class Http2WireTest : public ::testing::Test {
 protected:
  void Welcome() {
    std::string out;
    wire_.Open(out);
    ASSERT_TRUE(wire_.Feed(Frame(4, 0, 0, "") + Answer(0), out).ok());
  }

  Http2Wire wire_{{.producer_id = "bench-0123456789abcdef", .event_bytes = 200}};
  std::string out_;
};

TEST_F(Http2WireTest, OpensWithPrefaceSettingsHeadersAndHello) {
  wire_.Open(out_);
  EXPECT_EQ(out_.substr(0, 14), "PRI * HTTP/2.0");
  const auto frames = FramesOf(out_.substr(kPrefaceBytes));
  ASSERT_EQ(frames.size(), 4u);
  EXPECT_EQ(frames[0].type, 4);
  EXPECT_EQ(frames[1].type, 8);
  EXPECT_EQ(frames[2].type, 1);
  EXPECT_THAT(frames[2].payload, HasSubstr("/milepost.v1.EventService/PublishStream"));
  const auto requests = RequestsOf(frames[3].payload);
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].hello().producer_id(), "bench-0123456789abcdef");
  EXPECT_FALSE(wire_.ready());
}

TEST_F(Http2WireTest, IsReadyWhenHelloIsAnsweredHoweverTheBytesAreCut) {
  wire_.Open(out_);
  for (const char c : Frame(4, 0, 0, "") + Answer(7)) {
    EXPECT_FALSE(wire_.ready());
    ASSERT_TRUE(wire_.Feed(absl::string_view(&c, 1), out_).ok());
  }
  EXPECT_TRUE(wire_.ready());
  EXPECT_EQ(wire_.acked(), 7u);
  EXPECT_EQ(wire_.credit(), 1024u);
}

TEST_F(Http2WireTest, NumbersItsEventsAndPadsThem) {
  Welcome();
  const std::vector<BenchEvent> events{{1, 1, 5}, {2, 1, 5}, {1, 2, 5, true}};
  wire_.Send(absl::MakeSpan(events).subspan(0, 2), out_);
  wire_.Send(absl::MakeSpan(events).subspan(2), out_);
  const auto requests = RequestsOf(DataOf(out_));
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].batch().first_number(), 1u);
  EXPECT_EQ(requests[0].batch().events_size(), 2);
  EXPECT_NEAR(static_cast<double>(requests[0].batch().events(0).ByteSizeLong()), 200, 3);
  EXPECT_THAT(requests[0].batch().events(1).progress().message(), HasSubstr("#1 @5"));
  EXPECT_EQ(requests[1].batch().first_number(), 3u);
  EXPECT_THAT(requests[1].batch().events(0).completed().message(), HasSubstr("#2 @5"));
}

TEST_F(Http2WireTest, HoldsBackWhatTheWindowsDoNotAllow) {
  Welcome();
  const std::vector<BenchEvent> events(400, BenchEvent{1, 1, 5});
  wire_.Send(events, out_);
  std::string first = DataOf(out_);
  EXPECT_LT(first.size(), 65535u);
  EXPECT_GT(first.size(), 65000u);
  out_.clear();
  ASSERT_TRUE(wire_.Feed(Frame(8, 0, 1, BigEndian(1 << 20, 4)), out_).ok());
  EXPECT_EQ(out_, "");  // the connection's window is still shut
  ASSERT_TRUE(wire_.Feed(Frame(8, 0, 0, BigEndian(1 << 20, 4)), out_).ok());
  const auto requests = RequestsOf(first + DataOf(out_));
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].batch().events_size(), 400);
  for (const Sent& frame : FramesOf(out_)) EXPECT_LE(frame.payload.size(), 16384u);
}

TEST_F(Http2WireTest, TakesAWindowFromTheSettings) {
  Welcome();
  ASSERT_TRUE(wire_.Feed(Frame(4, 0, 0, BigEndian(4, 2) + BigEndian(100, 4)), out_).ok());
  out_.clear();
  wire_.Send(std::vector<BenchEvent>{{1, 1, 5}}, out_);
  EXPECT_LT(DataOf(out_).size(), 100u);
}

TEST_F(Http2WireTest, AnswersSettingsAndPing) {
  Welcome();
  ASSERT_TRUE(wire_.Feed(Frame(4, 0, 0, "") + Frame(6, 0, 0, "12345678") + Frame(6, 1, 0, "12345678") + Frame(4, 1, 0, ""), out_).ok());
  const auto frames = FramesOf(out_);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].type, 4);
  EXPECT_EQ(frames[0].flags, 1);
  EXPECT_EQ(frames[1].type, 6);
  EXPECT_EQ(frames[1].flags, 1);
  EXPECT_EQ(frames[1].payload, "12345678");
}

TEST_F(Http2WireTest, TheEndOfTheStreamIsAnError) {
  Welcome();
  EXPECT_TRUE(wire_.Feed(Frame(1, 4, 1, "first headers"), out_).ok());
  EXPECT_THAT(std::string(wire_.Feed(Frame(1, 5, 1, "grpc-status 8"), out_).message()), HasSubstr("grpc-status 8"));
}

TEST_F(Http2WireTest, ARejectionIsAnError) {
  Welcome();
  v1::PublishStreamResponse answer;
  answer.add_rejections()->set_message("job: is missing");
  const std::string bytes = answer.SerializeAsString();
  const absl::Status status = wire_.Feed(Frame(0, 0, 1, '\0' + BigEndian(bytes.size(), 4) + bytes), out_);
  EXPECT_THAT(std::string(status.message()), HasSubstr("job: is missing"));
}

}  // namespace
}  // namespace milepost::bench
