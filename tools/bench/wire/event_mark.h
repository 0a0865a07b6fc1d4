// The event that every system under test carries, and the mark by which its receipt is checked.
//
// It is a Milepost step-progress event, written as the edge writes it. Its message is "#NUMBER @NANOS":
// NUMBER counts the events of its job from 1, NANOS is when it was published (MonotonicNanos). The mark comes
// through every system unchanged, so one client checks all of them, whatever their own ids look like.
//
// Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace milepost::bench {

// One event as a publisher is asked for it.
struct BenchEvent {
  uint32_t job = 0;       // index of the job
  uint64_t number = 0;    // counts the job's events, from 1
  int64_t published = 0;  // MonotonicNanos()
  bool ends = false;      // completes the job; the relayed systems send it as any other
};

struct Mark {
  uint64_t number = 0;
  int64_t published = 0;

  friend bool operator==(const Mark&, const Mark&) = default;
};

// The name that the readers of all systems see for the event.
inline constexpr absl::string_view kEventName = "step-progress";

// "job:bench-17".
std::string JobName(uint32_t job);
// The index in the first "job:bench-N" of `text`, if there is one.
std::optional<uint32_t> FindJob(absl::string_view text);

// "#12 @345".
std::string FormatMark(const BenchEvent& event);
// The first mark in `text`.
std::optional<Mark> FindMark(absl::string_view text);

// The recorded event as JSON, about 230 bytes.
std::string EventJson(const BenchEvent& event);
// The same as a server-sent event: id, event, data and the empty line.
std::string EventFrame(const BenchEvent& event);
// `frame` as one chunk of HTTP/1.1's chunked coding.
std::string HttpChunk(absl::string_view frame);

}  // namespace milepost::bench
