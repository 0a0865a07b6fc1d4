// One browser's stream: a socket that sends what its session says.
#pragma once

#include <cstdint>
#include <memory>

#include "edge/http/connection_slot.h"
#include "edge/http/cors.h"
#include "edge/http/socket.h"
#include "edge/http/streams.h"
#include "edge/sse/session.h"

namespace milepost::edge::http {

// Keeps itself alive while an operation is pending on its socket: a read wait always is, until it closes.
// Used on the loop's thread only.
class StreamConnection : public std::enable_shared_from_this<StreamConnection> {
 public:
  // Takes the socket over and begins to send. `follow_job` and `extra` (its extra_head) as in SessionOptions.
  static void Start(Streams& streams, Socket socket, ConnectionSlot slot, sse::StreamRequest request,
                    std::string follow_job, HeaderFields extra);

  StreamConnection(Streams& streams, Socket socket, ConnectionSlot slot, sse::StreamRequest request,
                   std::string follow_job, HeaderFields extra);
  ~StreamConnection();

  // The rest is called by Streams.
  void Flush();
  void Tick(int64_t now_ms);
  void Goodbye(sse::Goodbye reason, uint32_t retry_ms);
  void Close();

 private:
  friend class Streams;
  using Hook = Streams::Hook;

  void OnWake(bool events);
  void Pump();
  bool Write();
  void StartRead();
  void RetryReadLater();
  void WaitReadable();
  void WaitWritable();
  void Linger();
  int64_t NextDue() const;

  Streams& streams_;
  Socket socket_;
  ConnectionSlot slot_;
  sse::Session session_;
  Hook tick_hook_;
  Hook flush_hook_;
  int64_t last_write_ms_ = 0;     // last time the socket took a byte
  int64_t blocked_since_ms_ = 0;  // since when it takes none; only while blocked_
  int64_t goodbye_at_ms_ = 0;     // when draining ends this stream; 0: never
  uint16_t input_bytes_ = 0;      // what the client sent although a stream takes no input
  bool blocked_ = false;
  bool lingering_ = false;
  bool retrying_ = false;
  bool pumping_ = false;
  bool closed_ = false;
};

}  // namespace milepost::edge::http
