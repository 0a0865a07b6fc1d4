// One event, encoded once, as every connection sends it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "edge/feed/job_end.h"
#include "milepost/v1/event.pb.h"

namespace milepost::edge::feed {

// An event as ready bytes. Immutable after construction and shared by all event loops of the process.
class Frame {
 public:
  // `epoch` goes into the SSE id. The event has its `seq`.
  Frame(const v1::ProgressEvent& event, absl::string_view epoch);
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  uint64_t seq() const { return seq_; }
  // The name under which readers see the event, for example "step-progress".
  const std::string& type() const { return type_; }
  // The job first, then the further resources.
  const std::vector<std::string>& names() const { return names_; }
  // Equal for step-progress events of the same job, attempt and step; empty for all others.
  const std::string& progress_key() const { return progress_key_; }
  JobEnd job_end() const { return job_end_; }
  uint32_t attempt() const { return attempt_; }

  // The event in protobuf's JSON mapping; never holds a line end.
  absl::string_view json() const { return absl::string_view(wire_).substr(json_begin_, json_size_); }
  // A whole HTTP chunk (RFC 9112, 7.1) with one SSE frame: id, event, data.
  absl::string_view wire() const { return wire_; }
  // The same without the `event:` line, so that a native EventSource gives it to onmessage. Made at first use.
  absl::string_view unnamed_wire() const;

 private:
  uint64_t seq_;
  JobEnd job_end_ = JobEnd::kNone;
  uint32_t attempt_ = 1;
  uint32_t json_begin_ = 0;
  uint32_t json_size_ = 0;
  std::string type_;
  std::vector<std::string> names_;
  std::string progress_key_;
  std::string wire_;
  mutable std::once_flag unnamed_once_;
  mutable std::unique_ptr<const std::string> unnamed_wire_;  // set under unnamed_once_
};

// Shared, because a frame lives in several feeds, in pages, and in half-done writes.
using FramePtr = std::shared_ptr<const Frame>;

// `payload` as one HTTP chunk.
std::string Chunk(absl::string_view payload);

}  // namespace milepost::edge::feed
