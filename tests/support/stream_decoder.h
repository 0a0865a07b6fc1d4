// A strict reader of what a stream sends: HTTP/1.1 head, chunked coding, server-sent events.
//
// Follows RFC 9112 (7.1) and WHATWG HTML (9.2.6) to the letter and takes input in any pieces; a fault in the
// bytes is a fault of the sender and is kept in error().
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace milepost::test {

// A frame as dispatched, or, with has_data false, an id that came without data.
struct SseFrame {
  std::string id;    // the last event id in force, as a browser has it
  bool own_id = false;  // the frame itself had an id line
  std::string event; // empty: "message"
  std::string data;
  bool has_data = false;
};

class StreamDecoder {
 public:
  // `head`: the bytes begin with a response head, else with the first chunk.
  explicit StreamDecoder(bool head = true) : in_head_(head) {}

  void Feed(absl::string_view bytes);

  const std::string& head() const { return head_; }
  // All frames so far; the reader may erase what it has seen.
  std::vector<SseFrame>& frames() { return frames_; }
  const std::vector<std::string>& comments() const { return comments_; }
  int retry_ms() const { return retry_ms_; }
  bool ended() const { return ended_; }
  const std::string& error() const { return error_; }

 private:
  void Body(absl::string_view bytes);
  void Line(absl::string_view line);

  bool in_head_;
  std::string head_;
  std::string chunk_line_;
  size_t chunk_left_ = 0;
  enum { kSize, kData, kDataEnd, kDone } chunk_state_ = kSize;
  size_t data_end_seen_ = 0;
  bool ended_ = false;
  std::string line_;
  bool last_was_cr_ = false;
  SseFrame frame_;
  std::string last_id_;
  std::vector<SseFrame> frames_;
  std::vector<std::string> comments_;
  int retry_ms_ = -1;
  std::string error_;
};

}  // namespace milepost::test
