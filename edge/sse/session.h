// One subscriber's stream as a protocol: where it stands, what to send, what to read next.
//
// Pure (no sockets, no clock of its own): it is told what happened and answers what to do. A session is a
// cursor: it holds a position, what is left of one half-written frame, and short control frames; events are
// taken from shared feeds or, when it is behind them, from pages of the service that are dropped as soon as
// the socket is full. Of snapshots it keeps at most kMaxWaitingSnapshots. Its memory is a constant, however far behind
// its reader is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edge/feed/feed_table.h"
#include "edge/feed/source.h"
#include "edge/sse/outbox.h"
#include "edge/sse/stream_frames.h"
#include "edge/sse/stream_request.h"

namespace milepost::edge::sse {

// At most so many pieces go into one write (the kernel takes 1,024); a whole batch of a publisher fits.
inline constexpr size_t kMaxPieces = 1020;
// Events of one read while catching up; and the same for progress=latest, which looks that far ahead for newer
// progress.
inline constexpr uint32_t kPageEvents = 256;
inline constexpr uint32_t kConflationEvents = 1000;
// Of snapshots so many bytes wait for a slow reader's socket, and one more; what comes after is read again.
inline constexpr uint32_t kMaxWaitingSnapshots = 1 << 20;
// Resources of one read, when their snapshots together were more than the service can send at once.
inline constexpr size_t kFewSnapshots = 4;
// How long a job's stream waits for the next attempt after a retryable failure.
inline constexpr absl::Duration kRetryWait = absl::Minutes(10);

struct SessionOptions {
  uint32_t retry_ms = 1000;
  absl::Duration heartbeat = absl::Seconds(10);
  // Not empty: the stream ends with this job.
  std::string follow_job;
  // Further fields of the answer's header.
  std::vector<std::pair<std::string, std::string>> extra_head;
  uint32_t max_waiting_snapshots = kMaxWaitingSnapshots;
};

// Owned by its connection; used on the loop's thread only.
class Session final : public feed::Reader {
 public:
  enum class Step {
    kIdle,   // nothing to do until something happens
    kWrite,  // there are Pieces
    kRead,   // make the read of NextRead
    kEnd,    // all is said: close the connection
  };

  // `wake` is called when Next() may answer differently; `events` says that only new events are the reason,
  // so that the writer may wait for more.
  using Wake = absl::AnyInvocable<void(bool events)>;

  Session(StreamRequest request, SessionOptions options, feed::FeedTable& table, Wake wake);

  // Joins the feeds. Called once, before anything else.
  void Start();

  Step Next();

  // With kWrite: what to send, at most kMaxPieces.
  void Gather(std::vector<Piece>& pieces);
  // So many bytes of the gathered pieces were sent. `blocked`: the socket takes no more for now.
  void Sent(const std::vector<Piece>& pieces, size_t bytes, bool blocked);

  // With kRead: the read to make; its answer goes to OnPage with the same ticket.
  feed::ReadSpec NextRead(uint64_t& ticket);
  // An error lets the read be made again after RetryRead.
  void OnPage(uint64_t ticket, const absl::StatusOr<feed::PagePtr>& page);
  void RetryRead() { read_failed_ = false; }

  // Nothing was written for a while.
  void Heartbeat(absl::Time now);
  // Ends the stream with a word. `retry_ms` of 0 leaves the reader's delay as it is.
  void End(Goodbye reason, uint32_t retry_ms);
  // Ends a job's stream that waited for the next attempt in vain.
  void CheckRetryWait(absl::Time now);

  // True if a read failed and RetryRead is due after a pause.
  bool read_failed() const { return read_failed_; }
  // Where the stream stands: all up to it was sent. Nothing before the stream is placed.
  std::optional<uint64_t> position() const { return placed_ ? std::optional(position_) : std::nullopt; }

  void OnJoined() override;
  void OnEvents() override;
  void OnReset(v1::Reset::Reason reason, const std::string& oldest) override;

 private:
  // What the answer of a read is for.
  enum class Purpose : uint8_t { kPlace, kFresh, kSnapshots, kStanding, kCatchUp };
  struct PendingReset {
    v1::Reset::Reason reason;
    std::string oldest;
  };
  // A start with `fresh`: the events of the other resources up to `through` come first.
  struct FreshStart {
    std::vector<std::string> others;
    feed::PagePtr snapshots;  // until they are written
    uint64_t through = 0;     // where they were taken
    uint64_t least = 0;       // they must not be older than this
  };
  struct WaitingSnapshots {
    feed::PagePtr page;              // null: all of it are in the outbox, or were dropped for a slow reader
    size_t next = 0;                 // in the page
    std::vector<std::string> names;  // of those to be read, and sent behind the page's
    uint64_t at = 0;                 // where the first of them were taken
    std::string id;                  // of the last one
  };

  bool ServedByFeeds() const;
  bool Live() const;
  uint64_t FeedsStart() const;
  std::vector<std::string> Names() const;
  static std::vector<std::string> Few(std::vector<std::string> names);  // the first kFewSnapshots
  std::string Id(uint64_t seq) const;

  void PlaceWithoutRead();
  void PlaceAtFresh();
  void PlaceByPage(const feed::PagePtr& page);
  void PlaceAt(uint64_t position);
  void PlaceBySnapshots(const feed::PagePtr& page);
  void AppendConnected(uint64_t position);
  void SendSnapshots(feed::PagePtr page, const std::vector<std::string>& wanted, bool with_id);
  void QueueSnapshots();
  void DropSnapshots();
  std::vector<std::string> ServiceTypes() const;
  feed::ReadSpec PlacingRead() const;
  void FinishPage();

  void LearnStanding(const feed::Page& page);
  bool Wanted(const feed::Frame& frame) const;
  bool HasEvents() const;
  uint64_t Frontier() const;
  using Frames = absl::InlinedVector<const feed::FramePtr*, 16>;
  void Collect(Frames& frames, size_t max) const;
  void Emit(const Frames& frames, std::vector<Piece>& pieces);
  void Follow(const feed::Frame& frame);

  feed::FeedTable& table_;
  Wake wake_;
  // Until the stream is placed; then only what is needed later is kept in the members below.
  std::unique_ptr<StreamRequest> request_;
  std::unique_ptr<FreshStart> fresh_;
  std::unique_ptr<PendingReset> pending_reset_;
  std::vector<std::string> types_;
  std::string follow_job_;

  uint64_t position_ = 0;  // all up to it was sent, or does not concern this stream
  Outbox outbox_;          // control frames and snapshots, to be sent before further events
  std::unique_ptr<WaitingSnapshots> waiting_;  // snapshots that come after those in the outbox
  feed::FramePtr partial_;  // half-written frame …
  Piece rest_;              // … and what is left of it
  feed::PagePtr page_;      // events older than the feeds'; dropped when the socket is full

  uint64_t ticket_ = 0;                   // of the newest read; older answers are not for us
  uint64_t told_ = 0;                     // the newest id that the reader was or is being sent
  uint64_t end_after_ = 0;                // the followed job has ended, and this is the last to send; 0: it has not
  uint64_t standing_at_ = 0;              // up to here its state told whether it has ended, not the events
  absl::Time retry_wait_until_ = absl::InfiniteFuture();
  const absl::Duration heartbeat_;
  const uint32_t max_waiting_snapshots_;
  Purpose purpose_ = Purpose::kPlace;
  bool placed_ = false;
  bool connected_sent_ = false;
  bool reading_ = false;
  bool read_failed_ = false;
  bool end_checked_;             // where the followed job stood is known
  bool few_snapshots_ = false;   // those of all resources are too much for one read
  bool probing_ = false;         // a read of events was answered with too much: a smaller one tells of the reset
  bool awaiting_retry_ = false;  // the followed job's attempt failed, and another may follow
  uint32_t failed_attempt_ = 0;
  bool ending_ = false;
  const bool names_;
  const bool latest_progress_;
  const bool event_heartbeat_;
};

}  // namespace milepost::edge::sse
