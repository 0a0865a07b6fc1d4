// FeedTable: the feeds of one event loop, and what that loop's trunk has to carry.
//
// Pure: it is told what the trunk said and answers what to ask it next (design: "Trunks", "Feeds"). One update
// is under way at a time; an update takes effect at its `applied` mark in the stream, so that adding, removing
// and adding again while events flow leaves neither gap nor repetition. Not thread-safe: one loop owns it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "edge/feed/feed.h"
#include "edge/feed/reader.h"
#include "proto/contract/cursor.h"
#include "proto/contract/pattern_index.h"

namespace milepost::edge::feed {

struct FeedTableOptions {
  // Frames that are kept for readers that are behind, in all. Readers further back read from the service.
  size_t max_bytes = 32 << 20;
  // How long a feed without readers is still carried, so that a reconnecting browser finds it.
  int64_t linger_ms = 10'000;
};

class FeedTable {
 public:
  // A change of what the trunk carries (UpdateSubscriptionRequest).
  struct Update {
    uint64_t revision = 0;
    std::vector<std::string> add;
    std::vector<std::string> remove;
  };

  explicit FeedTable(FeedTableOptions options) : options_(options) {}
  FeedTable(const FeedTable&) = delete;
  FeedTable& operator=(const FeedTable&) = delete;

  // --- Readers ---

  // Adds a reader of these names or patterns (no doubles). If it is joined() afterwards, OnJoined is not called.
  void Join(Reader& reader, const std::vector<std::string>& names);
  // Takes a reader out; harmless if it is not in.
  void Leave(Reader& reader, int64_t now_ms);
  // Stops carrying what has had no reader for a while.
  void Sweep(int64_t now_ms);

  // --- Trunk ---

  // What a new trunk subscribes to, at most `max` names, with position() as its cursor. Everything else is
  // asked for by updates afterwards.
  std::vector<std::string> OpenTrunk(size_t max);
  // The trunk's first message: it goes on from `position`.
  void OnOpened(const contract::Cursor& position);
  // The service could not honour the trunk's place, at its start or later: it goes on from `position`, and
  // all that was delivered before is void.
  void OnReset(v1::Reset::Reason reason, const std::string& oldest, const contract::Cursor& position);
  // The next update to send, if there is one and none is under way. At most `max` names a list.
  std::optional<Update> NextUpdate(size_t max);
  // The update of this revision took effect here in the stream.
  void OnApplied(uint64_t revision, uint64_t from);
  // Events of carried resources, in order, and the position after them.
  void OnEvents(absl::Span<const FramePtr> frames, const contract::Cursor& position);
  // The trunk is gone. Feeds keep what they have; position() is where the next one goes on.
  void OnClosed();

  bool open() const { return open_; }
  // All events of carried resources up to here have been routed. Nothing before the first trunk.
  const std::optional<contract::Cursor>& position() const { return position_; }
  size_t size() const { return feeds_.size(); }
  size_t bytes() const { return bytes_since_mark_ + bytes_before_mark_; }

 private:
  using Readers = std::vector<Reader*>;

  // The feed is complete from `start` on; adds readers that are now joined to `joined`.
  void Carried(Feed& feed, uint64_t start, Readers& joined);
  // The feed is carried no longer; it is asked for again if it has readers, else dropped.
  void Uncarried(Feed& feed);
  void Route(const FramePtr& frame);
  void KeepWithinBudget(const Frame& frame);
  static void List(const Feed& feed, Readers& list);
  static void CallJoined(const Readers& joined);

  const FeedTableOptions options_;
  contract::PatternIndex<Feed> feeds_;
  std::optional<contract::Cursor> position_;
  bool open_ = false;

  std::vector<std::string> opening_;    // what the trunk that is being opened subscribes to
  std::vector<std::string> to_add_;     // wanted, not asked for; may hold names that are no longer wanted
  std::vector<std::string> to_remove_;  // without readers; may hold names that have some again
  std::optional<Update> in_flight_;
  uint64_t revision_ = 0;

  std::deque<std::pair<int64_t, std::string>> idle_;  // (since, name) of feeds that lost their last reader
  std::vector<Feed*> touched_feeds_;

  // Two generations of frames: when the younger fills half the budget, the older is evicted.
  uint64_t mark_seq_ = 0;
  size_t bytes_before_mark_ = 0;
  size_t bytes_since_mark_ = 0;
};

}  // namespace milepost::edge::feed
