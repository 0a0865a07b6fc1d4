#include "tools/bench/producers/http2_wire.h"

#include <algorithm>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/bench/producers/event_message.h"

namespace milepost::bench {
namespace {

enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kResetStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
};
constexpr uint8_t kEndStream = 0x1;  // of DATA and HEADERS
constexpr uint8_t kAck = 0x1;        // of SETTINGS and PING
constexpr uint8_t kEndHeaders = 0x4;
constexpr uint8_t kPadded = 0x8;

constexpr uint16_t kEnablePush = 2;
constexpr uint16_t kInitialWindowSize = 4;

constexpr size_t kFrameHeaderBytes = 9;
constexpr size_t kMessageHeaderBytes = 5;
constexpr size_t kMaxFrameBytes = 16 * 1024;  // HTTP/2's default; gRPC's too
constexpr size_t kMaxAnswerBytes = 1024 * 1024;
constexpr uint32_t kStream = 1;
constexpr uint32_t kGreatestWindow = 0x7fffffff;
constexpr uint32_t kReturnAt = kGreatestWindow / 4;
constexpr int64_t kLeaseSeconds = 3600;

void AppendBigEndian(uint64_t value, int bytes, std::string& out) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

uint32_t BigEndian(absl::string_view bytes) {
  uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

void AppendFrameHeader(size_t length, uint8_t type, uint8_t flags, uint32_t stream, std::string& out) {
  AppendBigEndian(length, 3, out);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  AppendBigEndian(stream, 4, out);
}

void AppendWindowUpdate(uint32_t stream, uint32_t bytes, std::string& out) {
  AppendFrameHeader(4, kWindowUpdate, 0, stream, out);
  AppendBigEndian(bytes, 4, out);
}

// A header field in HPACK's form "literal without indexing". `name` is an index of the static table, below 128.
void AppendField(uint8_t name, absl::string_view value, std::string& out) {
  if (name < 15) {
    out += static_cast<char>(name);
  } else {
    out += '\x0f';
    out += static_cast<char>(name - 15);
  }
  out += static_cast<char>(value.size());
  out.append(value.data(), value.size());
}

std::string RequestHeaders() {
  constexpr uint8_t kAuthority = 1;
  constexpr uint8_t kPath = 4;
  constexpr uint8_t kContentType = 31;
  std::string block = "\x83\x86";  // :method POST, :scheme http
  AppendField(kPath, "/milepost.v1.EventService/PublishStream", block);
  AppendField(kAuthority, "localhost", block);
  AppendField(kContentType, "application/grpc", block);
  block.append("\x00\x02te\x08trailers", 13);
  return block;
}

// Header blocks may be compressed; what reads as text in them tells a person enough.
std::string Printable(absl::string_view bytes) {
  std::string text;
  for (const char c : bytes.substr(0, 300)) text += absl::ascii_isprint(c) ? c : ' ';
  return text;
}

absl::Status Nonsense(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat("PublishStream: ", what));
}

}  // namespace

Http2Wire::Http2Wire(const Options& options) : options_(options) {}

void Http2Wire::Open(std::string& out) {
  out += "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  AppendFrameHeader(12, kSettings, 0, 0, out);
  AppendBigEndian(kEnablePush, 2, out);
  AppendBigEndian(0, 4, out);
  AppendBigEndian(kInitialWindowSize, 2, out);
  AppendBigEndian(kGreatestWindow, 4, out);
  AppendWindowUpdate(0, kGreatestWindow - 65535, out);
  const std::string headers = RequestHeaders();
  AppendFrameHeader(headers.size(), kHeaders, kEndHeaders, kStream, out);
  out += headers;
  request_.mutable_hello()->set_producer_id(options_.producer_id);
  request_.mutable_hello()->mutable_lease()->set_seconds(kLeaseSeconds);
  SendMessage(request_, out);
}

void Http2Wire::Send(absl::Span<const BenchEvent> events, std::string& out) {
  v1::PublishStreamRequest::Batch& batch = *request_.mutable_batch();
  batch.clear_events();
  batch.set_first_number(sent_ + 1);
  for (const BenchEvent& event : events) FillEvent(event, options_.event_bytes, *batch.add_events());
  sent_ += events.size();
  SendMessage(request_, out);
}

void Http2Wire::SendMessage(const v1::PublishStreamRequest& message, std::string& out) {
  held_ += '\0';  // not compressed
  AppendBigEndian(message.ByteSizeLong(), 4, held_);
  message.AppendToString(&held_);
  SendHeld(out);
}

void Http2Wire::SendHeld(std::string& out) {
  absl::string_view rest = held_;
  while (!rest.empty()) {
    const int64_t room = std::min(connection_window_, stream_window_);
    if (room <= 0) break;
    const size_t size = std::min({rest.size(), kMaxFrameBytes, static_cast<size_t>(room)});
    AppendFrameHeader(size, kData, 0, kStream, out);
    out.append(rest.data(), size);
    rest.remove_prefix(size);
    connection_window_ -= static_cast<int64_t>(size);
    stream_window_ -= static_cast<int64_t>(size);
  }
  held_.erase(0, held_.size() - rest.size());
}

absl::Status Http2Wire::Feed(absl::string_view bytes, std::string& out) {
  const bool carried = !carry_.empty();
  if (carried) carry_.append(bytes.data(), bytes.size());
  absl::string_view rest = carried ? absl::string_view(carry_) : bytes;
  Frame frame;
  while (TakeFrame(rest, frame)) {
    if (absl::Status taken = Take(frame, out); !taken.ok()) return taken;
  }
  if (rest.size() > kMaxFrameBytes + kFrameHeaderBytes) return Nonsense("a frame is too long");
  carry_ = std::string(rest);
  return absl::OkStatus();
}

bool Http2Wire::TakeFrame(absl::string_view& bytes, Frame& frame) {
  if (bytes.size() < kFrameHeaderBytes) return false;
  const size_t length = BigEndian(bytes.substr(0, 3));
  if (bytes.size() < kFrameHeaderBytes + length) return false;
  frame.type = static_cast<uint8_t>(bytes[3]);
  frame.flags = static_cast<uint8_t>(bytes[4]);
  frame.stream = BigEndian(bytes.substr(5, 4)) & kGreatestWindow;
  frame.payload = bytes.substr(kFrameHeaderBytes, length);
  bytes.remove_prefix(kFrameHeaderBytes + length);
  return true;
}

absl::Status Http2Wire::Take(const Frame& frame, std::string& out) {
  switch (frame.type) {
    case kData:
      return TakeData(frame, out);
    case kSettings:
      return TakeSettings(frame, out);
    case kWindowUpdate:
      if (absl::Status taken = TakeWindowUpdate(frame); !taken.ok()) return taken;
      SendHeld(out);
      return absl::OkStatus();
    case kPing:
      if ((frame.flags & kAck) != 0) return absl::OkStatus();
      AppendFrameHeader(frame.payload.size(), kPing, kAck, 0, out);
      out.append(frame.payload.data(), frame.payload.size());
      return absl::OkStatus();
    case kHeaders:
      if ((frame.flags & kEndStream) == 0) return absl::OkStatus();
      return Nonsense(absl::StrCat("the service ended the stream: ", Printable(frame.payload)));
    case kResetStream:
    case kGoAway:
      return Nonsense(absl::StrCat("the service broke off: ", Printable(frame.payload)));
    default:
      return absl::OkStatus();
  }
}

absl::Status Http2Wire::TakeSettings(const Frame& frame, std::string& out) {
  if ((frame.flags & kAck) != 0) return absl::OkStatus();
  for (absl::string_view rest = frame.payload; rest.size() >= 6; rest.remove_prefix(6)) {
    if (BigEndian(rest.substr(0, 2)) != kInitialWindowSize) continue;
    const int64_t window = BigEndian(rest.substr(2, 4));
    stream_window_ += window - first_window_;
    first_window_ = window;
  }
  AppendFrameHeader(0, kSettings, kAck, 0, out);
  SendHeld(out);
  return absl::OkStatus();
}

absl::Status Http2Wire::TakeWindowUpdate(const Frame& frame) {
  if (frame.payload.size() != 4) return Nonsense("a WINDOW_UPDATE is malformed");
  const int64_t more = BigEndian(frame.payload) & kGreatestWindow;
  (frame.stream == 0 ? connection_window_ : stream_window_) += more;
  return absl::OkStatus();
}

absl::Status Http2Wire::TakeData(const Frame& frame, std::string& out) {
  if ((frame.flags & kPadded) != 0) return Nonsense("padded data");
  unreturned_ += static_cast<uint32_t>(frame.payload.size());
  if (unreturned_ > kReturnAt) {
    AppendWindowUpdate(0, unreturned_, out);
    AppendWindowUpdate(kStream, unreturned_, out);
    unreturned_ = 0;
  }
  messages_.append(frame.payload.data(), frame.payload.size());
  absl::string_view rest = messages_;
  while (rest.size() >= kMessageHeaderBytes) {
    const size_t length = BigEndian(rest.substr(1, 4));
    if (rest[0] != '\0' || length > kMaxAnswerBytes) return Nonsense("an answer is compressed or too long");
    if (rest.size() < kMessageHeaderBytes + length) break;
    if (absl::Status taken = TakeAnswer(rest.substr(kMessageHeaderBytes, length)); !taken.ok()) return taken;
    rest.remove_prefix(kMessageHeaderBytes + length);
  }
  messages_.erase(0, messages_.size() - rest.size());
  return absl::OkStatus();
}

absl::Status Http2Wire::TakeAnswer(absl::string_view message) {
  if (!answer_.ParseFromArray(message.data(), static_cast<int>(message.size()))) return Nonsense("an answer is malformed");
  if (answer_.rejections_size() > 0) return Nonsense(absl::StrCat("rejected: ", answer_.rejections(0).message()));
  if (answer_.has_acked()) acked_ = std::max<uint64_t>(acked_, answer_.acked());
  if (answer_.has_credit()) credit_ = answer_.credit();
  welcomed_ = true;
  return absl::OkStatus();
}

std::string NewProducerId() {
  std::random_device random;
  return absl::StrFormat("bench-%08x%08x%08x%08x", random(), random(), random(), random());
}

}  // namespace milepost::bench
