// A producer of Milepost: one PublishStream on an HTTP/2 connection of its own.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "milepost/v1/event_service.pb.h"
#include "tools/bench/producers/producer_wire.h"

namespace milepost::bench {

// gRPC's client costs more for each small message than the service may take for it, and on a machine that both
// share it would be what is measured. This speaks just as much of HTTP/2 (RFC 9113) and of gRPC's framing as one
// stream needs: it sends its headers uncompressed, keeps to the windows of connection and stream, answers SETTINGS
// and PING, and reads no headers but for the flag that says the stream has ended. Not thread-safe.
class Http2Wire : public ProducerWire {
 public:
  struct Options {
    std::string producer_id;
    size_t event_bytes = 0;  // of each event; see FillEvent
  };

  explicit Http2Wire(const Options& options);

  void Open(std::string& out) override;
  absl::Status Feed(absl::string_view bytes, std::string& out) override;
  bool ready() const override { return welcomed_; }
  uint64_t credit() const override { return credit_; }
  void Send(absl::Span<const BenchEvent> events, std::string& out) override;
  uint64_t acked() const override { return acked_; }

 private:
  struct Frame {
    uint8_t type = 0;
    uint8_t flags = 0;
    uint32_t stream = 0;
    absl::string_view payload;
  };

  // Takes one whole frame off the front of `bytes`. False if there is none.
  static bool TakeFrame(absl::string_view& bytes, Frame& frame);
  absl::Status Take(const Frame& frame, std::string& out);
  absl::Status TakeSettings(const Frame& frame, std::string& out);
  absl::Status TakeWindowUpdate(const Frame& frame);
  absl::Status TakeData(const Frame& frame, std::string& out);
  absl::Status TakeAnswer(absl::string_view message);
  // Queues a message for the stream and sends what the windows allow.
  void SendMessage(const v1::PublishStreamRequest& message, std::string& out);
  void SendHeld(std::string& out);

  const Options options_;
  v1::PublishStreamRequest request_;   // reused
  v1::PublishStreamResponse answer_;   // reused
  std::string carry_;                  // a frame that a read cut in two
  std::string messages_;               // the stream's data that is no whole message yet
  std::string held_;                   // the stream's data that waits for a window
  int64_t connection_window_ = 65535;  // what may still be sent
  int64_t stream_window_ = 65535;
  int64_t first_window_ = 65535;  // of the stream, as the peer's settings have it
  uint32_t unreturned_ = 0;       // received bytes that the peer was not given back
  bool welcomed_ = false;
  uint64_t sent_ = 0;
  uint64_t acked_ = 0;
  uint64_t credit_ = 0;
};

// A producer's name, new at every call.
std::string NewProducerId();

}  // namespace milepost::bench
