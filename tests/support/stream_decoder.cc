#include "tests/support/stream_decoder.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace milepost::test {

void StreamDecoder::Feed(absl::string_view bytes) {
  for (size_t i = 0; i < bytes.size() && error_.empty(); ++i) {
    const char c = bytes[i];
    if (in_head_) {
      head_.push_back(c);
      if (head_.size() >= 4 && head_.compare(head_.size() - 4, 4, "\r\n\r\n") == 0) in_head_ = false;
      continue;
    }
    switch (chunk_state_) {
      case kSize:
        chunk_line_.push_back(c);
        if (chunk_line_.size() >= 2 && chunk_line_.compare(chunk_line_.size() - 2, 2, "\r\n") == 0) {
          char* end = nullptr;
          chunk_left_ = std::strtoul(chunk_line_.c_str(), &end, 16);
          if (end != chunk_line_.c_str() + chunk_line_.size() - 2 || chunk_line_.size() == 2) {
            error_ = "bad chunk size: " + chunk_line_;
          }
          ended_ = chunk_left_ == 0;
          chunk_state_ = ended_ ? kDataEnd : kData;
          chunk_line_.clear();
        } else if (chunk_line_.size() > 16) {
          error_ = "bad chunk size: " + chunk_line_;
        }
        break;
      case kData: {
        const size_t take = std::min(chunk_left_, bytes.size() - i);
        Body(bytes.substr(i, take));
        i += take - 1;
        chunk_left_ -= take;
        if (chunk_left_ == 0) chunk_state_ = kDataEnd;
        break;
      }
      case kDataEnd:
        if (c != "\r\n"[data_end_seen_]) error_ = "no CRLF after a chunk";
        if (++data_end_seen_ == 2) {
          data_end_seen_ = 0;
          chunk_state_ = ended_ ? kDone : kSize;
        }
        break;
      case kDone:
        error_ = "bytes after the last chunk";
        break;
    }
  }
}

void StreamDecoder::Body(absl::string_view bytes) {
  for (char c : bytes) {
    if (std::exchange(last_was_cr_, false) && c == '\n') continue;
    if (c == '\r' || c == '\n') {
      last_was_cr_ = c == '\r';
      Line(std::exchange(line_, {}));
    } else {
      line_.push_back(c);
    }
  }
}

void StreamDecoder::Line(absl::string_view line) {
  if (line.empty()) {
    const bool something = frame_.has_data || frame_.own_id;
    frame_.id = last_id_;
    if (frame_.has_data) frame_.data.pop_back();  // the last LF
    if (something) frames_.push_back(std::move(frame_));
    frame_ = {};
    return;
  }
  const size_t colon = line.find(':');
  if (colon == 0) {
    comments_.emplace_back(line.substr(1));
    return;
  }
  absl::string_view name = line.substr(0, colon);
  absl::string_view value = colon == absl::string_view::npos ? "" : line.substr(colon + 1);
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (name == "event") {
    frame_.event = std::string(value);
  } else if (name == "data") {
    frame_.data.append(value.data(), value.size());
    frame_.data.push_back('\n');
    frame_.has_data = true;
  } else if (name == "id") {
    if (value.find('\0') == absl::string_view::npos) {
      last_id_ = std::string(value);
      frame_.own_id = true;
    }
  } else if (name == "retry") {
    retry_ms_ = std::atoi(std::string(value).c_str());
  } else {
    error_ = "unknown field: " + std::string(line);
  }
}

}  // namespace milepost::test
