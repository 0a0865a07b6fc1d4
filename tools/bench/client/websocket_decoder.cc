#include "tools/bench/client/websocket_decoder.h"

#include "absl/strings/match.h"
#include "tools/bench/client/sse_decoder.h"

namespace milepost::bench {
namespace {

constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kText = 0x1;
constexpr uint8_t kFirstControl = 0x8;
constexpr uint8_t kMasked = 0x80;

uint8_t ByteAt(absl::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

uint64_t BigEndian(absl::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

}  // namespace

bool WebSocketDecoder::Break(Tally& tally) {
  if (state_ != State::kBroken) ++tally.malformed;
  state_ = State::kBroken;
  return false;
}

bool WebSocketDecoder::Feed(absl::string_view bytes, int64_t now, Tally& tally) {
  if (state_ == State::kHandshake && !FeedHandshake(bytes, tally)) return state_ != State::kBroken;
  if (carry_.empty()) {
    while (TakeFrame(bytes, now, tally)) {
    }
    carry_.assign(bytes.data(), bytes.size());
    return state_ != State::kBroken;
  }
  carry_.append(bytes.data(), bytes.size());
  absl::string_view rest = carry_;
  while (TakeFrame(rest, now, tally)) {
  }
  carry_.erase(0, carry_.size() - rest.size());
  return state_ != State::kBroken;
}

bool WebSocketDecoder::FeedHandshake(absl::string_view& bytes, Tally& tally) {
  const size_t had = carry_.size();
  carry_.append(bytes.data(), bytes.size());
  const size_t end = carry_.find("\r\n\r\n", had < 3 ? 0 : had - 3);
  if (end == std::string::npos) {
    if (carry_.size() > kMaxHeaderBytes) Break(tally);
    return false;
  }
  if (!absl::StartsWith(carry_, "HTTP/1.1 101")) return Break(tally);
  bytes.remove_prefix(end + 4 - had);
  carry_ = std::string();
  state_ = State::kFrames;
  ++tally.ready;
  return true;
}

bool WebSocketDecoder::TakeFrame(absl::string_view& bytes, int64_t now, Tally& tally) {
  if (state_ == State::kBroken || bytes.size() < 2) return false;
  const uint8_t first = ByteAt(bytes, 0);
  const uint8_t second = ByteAt(bytes, 1);
  const size_t length_bytes = second == 126 ? 2 : second == 127 ? 8 : 0;
  if ((second & kMasked) != 0) return Break(tally);  // servers do not mask
  if (bytes.size() < 2 + length_bytes) return false;
  const uint64_t length = length_bytes == 0 ? second : BigEndian(bytes.substr(2, length_bytes));
  if (length > kMaxMessageBytes) return Break(tally);
  const size_t header = 2 + length_bytes;
  if (bytes.size() < header + length) return false;
  const auto payload = bytes.substr(header, length);
  bytes.remove_prefix(header + length);
  const uint8_t opcode = first & 0x0f;
  if (opcode >= kFirstControl) return true;
  const auto mark = (first & kFinal) != 0 && opcode == kText ? FindMark(payload) : std::nullopt;
  if (!mark) return Break(tally);
  sequence_.Take(*mark, now, tally);
  return true;
}

}  // namespace milepost::bench
