#include "tools/bench/client/sse_decoder.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace milepost::bench {
namespace {

constexpr auto kNone = absl::string_view::npos;

// The value of a line "field: value"; the one space after the colon is no part of it.
absl::string_view ValueOf(absl::string_view line, size_t field_bytes) {
  line.remove_prefix(field_bytes + 1);
  if (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  return line;
}

}  // namespace

bool SseDecoder::Break(Tally& tally) {
  if (state_ != State::kBroken) ++tally.malformed;
  state_ = State::kBroken;
  return false;
}

bool SseDecoder::Feed(absl::string_view bytes, int64_t now, Tally& tally) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::kHeader:
        if (!FeedHeader(bytes, tally)) return false;
        break;
      case State::kPlainBody:
        FeedBody(bytes, now, tally);
        return state_ != State::kBroken;
      case State::kChunkSize:
        if (!FeedChunkSize(bytes, tally)) return false;
        break;
      case State::kChunkData: {
        const auto part = bytes.substr(0, std::min<uint64_t>(chunk_left_, bytes.size()));
        bytes.remove_prefix(part.size());
        chunk_left_ -= part.size();
        FeedBody(part, now, tally);
        if (state_ == State::kBroken) return false;
        if (chunk_left_ == 0) {
          chunk_left_ = 2;  // CR LF
          state_ = State::kChunkEnd;
        }
        break;
      }
      case State::kChunkEnd: {
        const size_t eaten = std::min<uint64_t>(chunk_left_, bytes.size());
        bytes.remove_prefix(eaten);
        chunk_left_ -= eaten;
        if (chunk_left_ == 0) state_ = State::kChunkSize;
        break;
      }
      case State::kBroken:
        return false;
    }
  }
  return true;
}

bool SseDecoder::FeedHeader(absl::string_view& bytes, Tally& tally) {
  const size_t had = carry_.size();
  carry_.append(bytes.data(), bytes.size());
  const size_t end = carry_.find("\r\n\r\n", had < 3 ? 0 : had - 3);
  if (end == std::string::npos) {
    bytes = {};
    return carry_.size() <= kMaxHeaderBytes || Break(tally);
  }
  bytes.remove_prefix(end + 4 - had);
  carry_.resize(end + 2);
  if (!absl::StartsWith(carry_, "HTTP/1.1 200")) return Break(tally);
  const bool chunked = absl::StrContains(absl::AsciiStrToLower(carry_), "\r\ntransfer-encoding: chunked\r\n");
  state_ = chunked ? State::kChunkSize : State::kPlainBody;
  carry_ = std::string();
  if (options_.ready_event.empty()) {
    ready_ = true;
    ++tally.ready;
  }
  return true;
}

bool SseDecoder::FeedChunkSize(absl::string_view& bytes, Tally& tally) {
  // Half an event may wait in carry_, so the size is gathered digit by digit in chunk_left_.
  while (!bytes.empty()) {
    const char c = bytes.front();
    bytes.remove_prefix(1);
    if (c == '\r') continue;
    if (c == '\n') {
      if (chunk_left_ == 0) return Break(tally);  // the last chunk: the server ended the stream
      state_ = State::kChunkData;
      return true;
    }
    const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
    if (digit < 0 || chunk_left_ > kMaxEventBytes * 1024) return Break(tally);
    chunk_left_ = chunk_left_ * 16 + static_cast<uint64_t>(digit);
  }
  return true;
}

void SseDecoder::FeedBody(absl::string_view bytes, int64_t now, Tally& tally) {
  if (!carry_.empty()) {
    // The event's end may itself be cut: "…\n" was carried, "\n…" comes now.
    size_t taken = kNone;
    if (carry_.back() == '\n' && bytes.front() == '\n') {
      taken = 1;
    } else if (const size_t end = bytes.find("\n\n"); end != kNone) {
      taken = end + 2;
    }
    carry_.append(bytes.data(), std::min(taken, bytes.size()));
    if (taken == kNone) {
      if (carry_.size() > kMaxEventBytes) Break(tally);
      return;
    }
    TakeEvent(absl::string_view(carry_).substr(0, carry_.size() - 2), now, tally);
    carry_.clear();
    bytes.remove_prefix(taken);
  }
  for (size_t end = bytes.find("\n\n"); end != kNone; end = bytes.find("\n\n")) {
    TakeEvent(bytes.substr(0, end), now, tally);
    bytes.remove_prefix(end + 2);
  }
  carry_.assign(bytes.data(), bytes.size());
}

void SseDecoder::TakeEvent(absl::string_view event, int64_t now, Tally& tally) {
  absl::string_view name;
  absl::string_view data;
  while (!event.empty()) {
    const size_t end = std::min(event.find('\n'), event.size());
    const auto line = event.substr(0, end);
    event.remove_prefix(std::min(end + 1, event.size()));
    if (absl::StartsWith(line, "data:")) {
      data = ValueOf(line, 4);
    } else if (absl::StartsWith(line, "event:")) {
      name = ValueOf(line, 5);
    } else if (absl::StartsWith(line, "id:")) {
      TakeId(ValueOf(line, 2), tally);
    }
  }
  if (!data.empty()) TakeData(name, data, now, tally);
}

void SseDecoder::TakeId(absl::string_view id, Tally& tally) {
  if (!options_.ids_rise) return;
  uint64_t number = 0;
  const size_t dash = id.rfind('-');
  if (dash == kNone || !absl::SimpleAtoi(id.substr(dash + 1), &number) || number < last_id_) {
    ++tally.malformed;
    return;
  }
  last_id_ = number;
}

void SseDecoder::TakeData(absl::string_view name, absl::string_view data, int64_t now, Tally& tally) {
  if (name == kEventName) {
    if (const auto mark = FindMark(data)) {
      sequence_.Take(*mark, now, tally);
    } else {
      ++tally.malformed;
    }
    return;
  }
  if (name == "reset") ++tally.resets;
  if (!ready_ && name == options_.ready_event) {
    ready_ = true;
    ++tally.ready;
  }
}

}  // namespace milepost::bench
