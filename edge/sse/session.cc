// What a stream sends and reads once it stands somewhere; session_place.cc tells how it gets there.
#include "edge/sse/session.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/cursor.h"

namespace milepost::edge::sse {
Session::Session(StreamRequest request, SessionOptions options, feed::FeedTable& table, Wake wake)
    : table_(table),
      wake_(std::move(wake)),
      request_(std::make_unique<StreamRequest>(std::move(request))),
      types_(std::move(request_->types)),
      follow_job_(std::move(options.follow_job)),
      heartbeat_(options.heartbeat),
      max_waiting_snapshots_(options.max_waiting_snapshots),
      end_checked_(follow_job_.empty()),
      names_(request_->names),
      latest_progress_(request_->latest_progress),
      event_heartbeat_(request_->event_heartbeat) {
  outbox_.Append(absl::StrCat(ResponseHead(options.extra_head), RetryFrame(options.retry_ms)));
}

void Session::Start() {
  table_.Join(*this, request_->resources);
  if (!request_->cursor.empty() && !request_->fresh.empty()) {
    fresh_ = std::make_unique<FreshStart>();
    for (const std::string& name : request_->resources) {
      const auto& fresh = request_->fresh;
      if (std::find(fresh.begin(), fresh.end(), name) == fresh.end()) fresh_->others.push_back(name);
    }
    if (fresh_->others.empty()) {  // all are fresh: the cursor says nothing
      fresh_.reset();
      request_->cursor.clear();
    }
  }
  if (joined()) PlaceWithoutRead();
}

// --- Where the stream stands ---

bool Session::ServedByFeeds() const {
  return std::all_of(feeds().begin(), feeds().end(), [&](const feed::Feed* feed) { return feed->Serves(position_); });
}

bool Session::Live() const {
  return placed_ && waiting_ == nullptr && page_ == nullptr && fresh_ == nullptr && joined() && ServedByFeeds();
}

uint64_t Session::FeedsStart() const {
  uint64_t start = 0;
  for (const feed::Feed* feed : feeds()) start = std::max(start, feed->start());
  return start;
}

std::vector<std::string> Session::Names() const {
  std::vector<std::string> names;
  names.reserve(feeds().size());
  for (const feed::Feed* feed : feeds()) names.push_back(feed->name);
  return names;
}

std::string Session::Id(uint64_t seq) const { return contract::FormatCursor(table_.position()->epoch, seq); }

// A stream that ends with its job must see the end, even if its reader does not want to.
std::vector<std::string> Session::ServiceTypes() const {
  return follow_job_.empty() ? types_ : std::vector<std::string>();
}

feed::ReadSpec Session::NextRead(uint64_t& ticket) {
  reading_ = true;
  ticket = ++ticket_;
  if (!placed_) {
    purpose_ = fresh_ != nullptr && fresh_->snapshots == nullptr && !pending_reset_ ? Purpose::kFresh : Purpose::kPlace;
    return PlacingRead();
  }
  feed::ReadSpec spec;
  if (waiting_ != nullptr || !end_checked_) {
    purpose_ = waiting_ != nullptr ? Purpose::kSnapshots : Purpose::kStanding;
    spec.resources = {follow_job_};
    if (waiting_ != nullptr) {
      const auto& names = waiting_->names;
      spec.resources.assign(names.begin(), names.begin() + std::min(names.size(), kFewSnapshots));
    }
    spec.snapshot = true;
    // Of fresh resources, events are sent only behind where their first snapshots were taken.
    spec.at_least = fresh_ != nullptr ? std::max(position_, fresh_->through) : position_;
    return spec;
  }
  purpose_ = Purpose::kCatchUp;
  spec.resources = fresh_ != nullptr ? fresh_->others : Names();
  if (probing_) spec.resources = Few(std::move(spec.resources));
  spec.after = Id(position_);
  spec.through = fresh_ != nullptr ? fresh_->through : 0;
  spec.at_least = std::max(FeedsStart() - 1, spec.through);
  spec.types = ServiceTypes();
  spec.limit = latest_progress_ ? kConflationEvents : kPageEvents;
  return spec;
}

void Session::OnPage(uint64_t ticket, const absl::StatusOr<feed::PagePtr>& answer) {
  if (ticket != ticket_ || ending_) return;
  reading_ = false;
  // An answer of another epoch than the trunk's comes from a service that the trunk has not met yet, or no
  // longer: its numbers may mean something else. The trunk will soon say which.
  const bool usable = answer.ok() && table_.position() && (*answer)->position.epoch == table_.position()->epoch;
  if (!usable) {
    if (absl::IsResourceExhausted(answer.status())) {
      // Events are never so many: if they were asked for, the answer was a reset with its snapshots.
      few_snapshots_ = true;
      probing_ = purpose_ == Purpose::kCatchUp || (purpose_ == Purpose::kPlace && !request_->cursor.empty());
    }
    read_failed_ = true;
  } else if (std::exchange(probing_, false) && !(*answer)->reset) {
    // No reset, and not all that is wanted.
  } else if (purpose_ == Purpose::kFresh) {
    fresh_->snapshots = *answer;
    fresh_->through = (*answer)->position.seq;
    if (request_->cursor == contract::kLatest) PlaceAtFresh();
  } else if (purpose_ == Purpose::kPlace) {
    PlaceByPage(*answer);
  } else if (purpose_ == Purpose::kSnapshots) {
    const size_t count = std::min(waiting_->names.size(), kFewSnapshots);
    waiting_->names.erase(waiting_->names.begin(), waiting_->names.begin() + count);
    waiting_->page = *answer;
    waiting_->next = 0;
    QueueSnapshots();
  } else if (purpose_ == Purpose::kStanding) {
    LearnStanding(**answer);
  } else if ((*answer)->reset) {
    // The place fell out of retention while the reader was slow.
    OnReset((*answer)->reset->reason(), (*answer)->reset->oldest());
    return;
  } else if ((*answer)->position.seq <= position_ && !ServedByFeeds()) {
    read_failed_ = true;  // no way forward for now
  } else {
    page_ = *answer;
  }
  wake_(false);
}

void Session::FinishPage() {
  if (page_ != nullptr && (page_->frames.empty() || page_->frames.back()->seq() <= position_)) {
    position_ = std::max(position_, page_->position.seq);
    page_.reset();
  }
  if (fresh_ != nullptr && placed_ && position_ >= fresh_->through) fresh_.reset();
}

// --- What to do next ---

Session::Step Session::Next() {
  if (partial_ != nullptr || !outbox_.empty()) return Step::kWrite;
  if (ending_) return Step::kEnd;
  const bool can_read = !reading_ && !read_failed_ && joined();
  if (waiting_ != nullptr || (placed_ && !end_checked_)) return can_read ? Step::kRead : Step::kIdle;
  FinishPage();
  if (end_after_ != 0 && position_ >= end_after_) {
    End(Goodbye::kEnded, 0);
    return Step::kWrite;
  }
  if (page_ != nullptr) return Step::kWrite;
  if (!can_read) return Step::kIdle;
  if (!Live()) return Step::kRead;
  if (HasEvents()) return Step::kWrite;
  if (end_after_ == 0 || table_.position()->seq < end_after_) return Step::kIdle;
  End(Goodbye::kEnded, 0);
  return Step::kWrite;
}

bool Session::HasEvents() const {
  return std::any_of(feeds().begin(), feeds().end(), [&](const feed::Feed* feed) { return feed->HasAfter(position_); });
}

bool Session::Wanted(const feed::Frame& frame) const {
  return types_.empty() || std::find(types_.begin(), types_.end(), frame.type()) != types_.end();
}

// Where the position will be when what is half-written has left.
uint64_t Session::Frontier() const { return partial_ != nullptr ? std::max(position_, rest_.through) : position_; }

// The next frames after the frontier in order, each once.
void Session::Collect(Frames& frames, size_t max) const {
  const uint64_t position = Frontier();
  struct Run {
    const feed::FramePtr* next;
    const feed::FramePtr* end;
  };
  absl::InlinedVector<Run, 4> runs;
  if (page_ != nullptr) {
    const feed::FramePtr* begin = page_->frames.data();
    const feed::FramePtr* end = begin + page_->frames.size();
    runs.push_back({std::partition_point(begin, end, [&](const auto& f) { return f->seq() <= position; }), end});
  } else if (Live()) {
    for (const feed::Feed* feed : feeds()) {
      if (feed->HasAfter(position)) runs.push_back({feed->After(position), feed->end()});
    }
  }
  while (frames.size() < max) {
    const feed::FramePtr* first = nullptr;
    for (const Run& run : runs) {
      if (run.next != run.end && (first == nullptr || (*run.next)->seq() < (*first)->seq())) first = run.next;
    }
    if (first == nullptr) return;
    frames.push_back(first);
    const uint64_t seq = (*first)->seq();
    for (Run& run : runs) {
      if (run.next != run.end && (*run.next)->seq() == seq) ++run.next;
    }
  }
}

void Session::Gather(std::vector<Piece>& pieces) {
  pieces.clear();
  if (partial_ != nullptr) pieces.push_back(rest_);
  if (!outbox_.Gather(kMaxPieces, pieces) || waiting_ != nullptr || !end_checked_ || ending_) return;
  if (end_after_ != 0 && Frontier() >= end_after_) return;
  Frames frames;
  Collect(frames, latest_progress_ ? kConflationEvents : kMaxPieces - pieces.size());
  Emit(frames, pieces);
}

void Session::Emit(const Frames& frames, std::vector<Piece>& pieces) {
  absl::flat_hash_set<absl::string_view> newer;
  std::vector<bool> superseded;
  if (latest_progress_) {
    superseded.resize(frames.size());
    for (size_t i = frames.size(); i-- > 0;) {
      const std::string& key = (*frames[i])->progress_key();
      superseded[i] = !key.empty() && !newer.insert(key).second;
    }
  }
  for (size_t i = 0; i < frames.size() && pieces.size() < kMaxPieces; ++i) {
    const feed::Frame& frame = **frames[i];
    const bool skip = !Wanted(frame) || (latest_progress_ && superseded[i]);
    if (!skip) {
      pieces.push_back({names_ ? frame.wire() : frame.unnamed_wire(), frames[i], frame.seq()});
      told_ = frame.seq();
    } else if (!pieces.empty() && pieces.back().frame != nullptr) {
      pieces.back().through = frame.seq();
    } else {
      position_ = frame.seq();  // nothing unsent is older
    }
    if (!follow_job_.empty()) Follow(frame);
    if (end_after_ != 0 && frame.seq() >= end_after_) return;
  }
}

// A stream of one job ends with it.
void Session::Follow(const feed::Frame& frame) {
  if (frame.names().front() != follow_job_ || frame.seq() <= standing_at_) return;
  if (frame.job_end() == feed::JobEnd::kFinal) end_after_ = std::max(end_after_, frame.seq());
  if (frame.job_end() == feed::JobEnd::kRetryable) {
    awaiting_retry_ = true;
    failed_attempt_ = frame.attempt();
  } else if (frame.attempt() > failed_attempt_ || frame.job_end() == feed::JobEnd::kFinal) {
    awaiting_retry_ = false;
    retry_wait_until_ = absl::InfiniteFuture();
  }
}

void Session::Sent(const std::vector<Piece>& pieces, size_t bytes, bool blocked) {
  for (const Piece& piece : pieces) {
    const size_t sent = std::min(bytes, piece.bytes.size());
    bytes -= sent;
    const bool whole = sent == piece.bytes.size();
    if (piece.frame == nullptr) {
      outbox_.Sent(sent);
    } else if (whole) {
      position_ = std::max(position_, piece.through);
      if (piece.frame == &partial_) partial_.reset();
    } else if (sent > 0) {
      rest_ = {piece.bytes.substr(sent), &partial_, piece.through};
      if (piece.frame != &partial_) partial_ = *piece.frame;
    }
    if (!whole) break;
  }
  if (blocked) page_.reset();  // a reader that does not read costs a constant
  if (waiting_ != nullptr) blocked ? DropSnapshots() : QueueSnapshots();
}

// --- What happened ---

void Session::OnJoined() {
  PlaceWithoutRead();
  wake_(false);
}

void Session::OnEvents() {
  if (Live()) wake_(true);
}

void Session::OnReset(v1::Reset::Reason reason, const std::string& oldest) {
  ++ticket_;
  reading_ = read_failed_ = false;
  page_.reset();
  waiting_.reset();
  end_checked_ = follow_job_.empty();
  end_after_ = standing_at_ = 0;
  awaiting_retry_ = false;
  retry_wait_until_ = absl::InfiniteFuture();
  if (connected_sent_) {
    placed_ = false;
    fresh_.reset();
    pending_reset_ = std::make_unique<PendingReset>(PendingReset{reason, oldest});
  } else if (fresh_ != nullptr) {
    fresh_->snapshots.reset();
  }
  wake_(false);
}

void Session::Heartbeat(absl::Time now) {
  if (Live() && !HasEvents()) position_ = std::max(position_, table_.position()->seq);
  const std::string id = placed_ && waiting_ == nullptr ? Id(position_) : "";
  outbox_.Append(event_heartbeat_ ? EventHeartbeat(now, id, names_) : CommentHeartbeat(now, id));
}

void Session::End(Goodbye reason, uint32_t retry_ms) {
  if (std::exchange(ending_, true)) return;
  page_.reset();
  waiting_.reset();
  if (retry_ms > 0) outbox_.Append(RetryFrame(retry_ms));
  // The end may have been filtered out, or lie before the place where the stream began: who comes back with its id is behind it.
  const uint64_t place = std::max(position_, end_after_);
  if (reason == Goodbye::kEnded && end_after_ != 0 && told_ < place) outbox_.Append(IdFrame(Id(place)));
  outbox_.Append(GoodbyeFrame(reason, names_));
  outbox_.Append(LastChunk());
}

void Session::CheckRetryWait(absl::Time now) {
  if (!awaiting_retry_) return;
  if (retry_wait_until_ == absl::InfiniteFuture()) retry_wait_until_ = now + kRetryWait;
  if (now >= retry_wait_until_) End(Goodbye::kEnded, 0);
}

}  // namespace milepost::edge::sse
