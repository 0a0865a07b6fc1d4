// A producer of a Redis stream: XADD, pipelined.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "tools/bench/producers/producer_wire.h"

namespace milepost::bench {

// RESP2 (redis.io/docs/reference/protocol-spec), of which it needs little: requests are arrays of bulk strings, an
// answer to XADD is one bulk string or an error. Each entry has one field, with the bytes of the same message that
// Milepost gets. Not thread-safe.
class RespWire : public ProducerWire {
 public:
  struct Options {
    std::string key;         // of the stream
    size_t event_bytes = 0;  // of the value; see FillEvent
  };

  explicit RespWire(Options options) : options_(std::move(options)) {}

  void Open(std::string&) override {}
  absl::Status Feed(absl::string_view bytes, std::string& out) override;
  bool ready() const override { return true; }
  uint64_t credit() const override { return UINT64_MAX; }
  void Send(absl::Span<const BenchEvent> events, std::string& out) override;
  uint64_t acked() const override { return acked_; }

 private:
  // Takes one whole answer off the front of `bytes`. False if there is none.
  absl::StatusOr<bool> TakeAnswer(absl::string_view& bytes);

  const Options options_;
  uint64_t acked_ = 0;
  std::string carry_;  // an answer that a read cut in two
};

// The longest answer that is taken.
inline constexpr size_t kMaxRespAnswerBytes = 4096;

}  // namespace milepost::bench
