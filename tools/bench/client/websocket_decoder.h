// Counts the events of one WebSocket connection (RFC 6455, the client's side).
#pragma once

#include <cstdint>
#include <string>

#include "tools/bench/client/decoder.h"

namespace milepost::bench {

// Takes the server's handshake answer and then its frames: one event is one unmasked, unfragmented text
// message. Control frames are skipped (a bench does not live long enough for an unanswered ping to matter).
// Owned by its connection; not thread-safe.
class WebSocketDecoder : public Decoder {
 public:
  bool Feed(absl::string_view bytes, int64_t now, Tally& tally) override;

  // The longest message that is taken.
  static constexpr uint64_t kMaxMessageBytes = 1024 * 1024;

 private:
  enum class State : uint8_t { kHandshake, kFrames, kBroken };

  bool FeedHandshake(absl::string_view& bytes, Tally& tally);
  // Takes one whole frame off the front of `bytes`. False if there is none, or if it is broken.
  bool TakeFrame(absl::string_view& bytes, int64_t now, Tally& tally);
  bool Break(Tally& tally);

  State state_ = State::kHandshake;
  Sequence sequence_;
  std::string carry_;  // what a read cut in two
};

}  // namespace milepost::bench
