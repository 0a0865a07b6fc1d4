// Counts the events of one text/event-stream response over HTTP/1.1.
#pragma once

#include <cstdint>
#include <string>

#include "tools/bench/client/decoder.h"

namespace milepost::bench {

// Cheap on purpose: it looks only at what a check needs, and copies only what a read cut in two. It expects
// servers that end lines with LF alone, as all of the bench's do. Chunked and close-delimited bodies.
// Owned by its connection; not thread-safe.
class SseDecoder : public Decoder {
 public:
  struct Options {
    // A literal. The stream counts as ready when an event of this name has come; empty: when the headers have.
    absl::string_view ready_event;
    // Ids are "<epoch>-<number>", and the number must rise from event to event.
    bool ids_rise = false;
    // Numbers of the job's events: the last one that the reader had before, and the one with which it has all.
    uint64_t had = 0;
    uint64_t finish = 0;
  };

  explicit SseDecoder(const Options& options) : options_(options), sequence_(options.had, options.finish) {}

  bool Feed(absl::string_view bytes, int64_t now, Tally& tally) override;

 private:
  enum class State : uint8_t { kHeader, kPlainBody, kChunkSize, kChunkData, kChunkEnd, kBroken };

  bool FeedHeader(absl::string_view& bytes, Tally& tally);
  bool FeedChunkSize(absl::string_view& bytes, Tally& tally);
  // Takes bytes of the body proper.
  void FeedBody(absl::string_view bytes, int64_t now, Tally& tally);
  // Takes one event without its empty line.
  void TakeEvent(absl::string_view event, int64_t now, Tally& tally);
  void TakeId(absl::string_view id, Tally& tally);
  void TakeData(absl::string_view name, absl::string_view data, int64_t now, Tally& tally);
  bool Break(Tally& tally);

  const Options options_;
  State state_ = State::kHeader;
  bool ready_ = false;
  uint64_t chunk_left_ = 0;  // bytes of this chunk or of its end; the size itself while it is being read
  uint64_t last_id_ = 0;
  Sequence sequence_;
  std::string carry_;  // what a read cut in two: header or event
};

// Limits of what is carried from one read to the next.
inline constexpr size_t kMaxHeaderBytes = 16 * 1024;
inline constexpr size_t kMaxEventBytes = 1024 * 1024;

}  // namespace milepost::bench
