#include "edge/sse/session.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "edge/sse/job_end.h"
#include "proto/contract/cursor.h"

namespace milepost::edge::sse {
Session::Session(StreamRequest request, SessionOptions options, feed::FeedTable& table, Wake wake)
    : table_(table),
      wake_(std::move(wake)),
      request_(std::make_unique<StreamRequest>(std::move(request))),
      types_(std::move(request_->types)),
      follow_job_(std::move(options.follow_job)),
      heartbeat_(options.heartbeat),
      end_checked_(follow_job_.empty()),
      names_(request_->names),
      latest_progress_(request_->latest_progress),
      event_heartbeat_(request_->event_heartbeat) {
  control_ = absl::StrCat(ResponseHead(), RetryFrame(options.retry_ms));
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

bool Session::Live() const { return placed_ && page_ == nullptr && fresh_ == nullptr && joined() && ServedByFeeds(); }

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

// Many streams need nothing from the service: they begin at the end of the log, or where the feeds reach back to.
void Session::PlaceWithoutRead() {
  if (placed_ || pending_reset_ || fresh_) return;
  const contract::Cursor& head = *table_.position();
  const uint64_t reachable = FeedsStart() - 1;
  if (request_->cursor.empty() ? !request_->snapshot && request_->last == 0 : request_->cursor == contract::kLatest) {
    const uint64_t place = std::max(head.seq, reachable);
    AppendConnected(place);
    PlaceAt(place);
    return;
  }
  const auto cursor = contract::ParseCursor(request_->cursor);
  if (cursor && cursor->epoch == head.epoch && cursor->seq <= head.seq && cursor->seq >= reachable) {
    AppendConnected(cursor->seq);
    PlaceAt(cursor->seq);
  }
}

void Session::PlaceAt(uint64_t position) {
  position_ = position;
  placed_ = true;
  request_.reset();
  pending_reset_.reset();
}

void Session::AppendConnected(uint64_t position) {
  control_ += ConnectedFrame(Names(), Id(position), heartbeat_, names_);
  connected_sent_ = true;
}

void Session::AppendSnapshots(const feed::Page& page, bool with_id) {
  for (size_t i = 0; i < page.snapshots.size(); ++i) {
    const bool last = i + 1 == page.snapshots.size();
    control_ += SnapshotFrame(page.snapshots[i].json, with_id && last ? Id(page.position.seq) : "", names_);
  }
}

// A stream that ends with its job must see the end, even if its reader does not want to.
std::vector<std::string> Session::ServiceTypes() const {
  return follow_job_.empty() ? types_ : std::vector<std::string>();
}

feed::ReadSpec Session::PlacingRead() const {
  feed::ReadSpec spec;
  spec.resources = Names();
  spec.at_least = FeedsStart() - 1;
  if (pending_reset_) {
    spec.snapshot = true;
  } else if (fresh_ != nullptr && fresh_->snapshots == nullptr) {
    spec.resources = request_->fresh;
    spec.snapshot = true;
    spec.at_least = std::max(spec.at_least, fresh_->least);
  } else if (!request_->cursor.empty()) {
    // What is no cursor goes to the service as one that cannot be: its answer is the reset that we want.
    const bool known = contract::ParseCursor(request_->cursor) || request_->cursor == contract::kEarliest;
    spec.after = known ? request_->cursor : "malformed";
    spec.types = ServiceTypes();
    spec.limit = latest_progress_ ? kConflationEvents : kPageEvents;
    if (fresh_ != nullptr) {
      spec.resources = fresh_->others;
      const auto cursor = contract::ParseCursor(request_->cursor);
      if (!cursor || cursor->seq <= fresh_->through) spec.through = spec.at_least = fresh_->through;
    }
  } else if (request_->last > 0) {
    spec.last = request_->last;
    spec.types = ServiceTypes();
  } else {
    spec.snapshot = true;
  }
  return spec;
}

feed::ReadSpec Session::NextRead(uint64_t& ticket) {
  reading_ = true;
  ticket = ++ticket_;
  if (!placed_) {
    purpose_ = fresh_ != nullptr && fresh_->snapshots == nullptr && !pending_reset_ ? Purpose::kFresh : Purpose::kPlace;
    return PlacingRead();
  }
  feed::ReadSpec spec;
  if (!end_checked_) {
    purpose_ = Purpose::kEndCheck;
    spec.resources = {follow_job_};
    spec.types = EndTypes();
    spec.last = kEndEvents;
    spec.at_least = position_;
    return spec;
  }
  purpose_ = Purpose::kCatchUp;
  spec.resources = fresh_ != nullptr ? fresh_->others : Names();
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
    read_failed_ = true;
  } else if (purpose_ == Purpose::kFresh) {
    fresh_->snapshots = *answer;
    fresh_->through = (*answer)->position.seq;
  } else if (purpose_ == Purpose::kPlace) {
    PlaceByPage(*answer);
  } else if (purpose_ == Purpose::kEndCheck) {
    LearnEnd(**answer);
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

void Session::PlaceByPage(const feed::PagePtr& page) {
  const uint64_t head = page->position.seq;
  if (page->reset && fresh_ != nullptr) {
    // Snapshots of all resources are wanted now, and at one position.
    fresh_.reset();
    pending_reset_ = std::make_unique<PendingReset>(PendingReset{page->reset->reason(), page->reset->oldest()});
    return;
  }
  if (page->reset || pending_reset_) {
    if (!connected_sent_) AppendConnected(head);
    control_ += page->reset ? ResetFrame(page->reset->reason(), page->reset->oldest(), names_)
                            : ResetFrame(pending_reset_->reason, pending_reset_->oldest, names_);
    AppendSnapshots(*page, true);
    PlaceAt(head);
    return;
  }
  if (request_->cursor.empty() && request_->last == 0) {
    AppendConnected(head);
    AppendSnapshots(*page, true);
    PlaceAt(head);
    return;
  }
  // Events first: from the cursor, or from before the oldest event that the page begins with.
  const auto cursor = contract::ParseCursor(request_->cursor);
  const uint64_t place = cursor ? cursor->seq : page->frames.empty() ? head : page->frames.front()->seq() - 1;
  if (fresh_ != nullptr && fresh_->through < place) {
    // A replica that lags took the snapshots before the reader's place: they are wanted again, not so old.
    fresh_->least = head;
    fresh_->snapshots.reset();
    return;
  }
  AppendConnected(place);
  if (fresh_ != nullptr) {
    // With events still to come that are older than the snapshots, their id would make a reconnect skip them.
    AppendSnapshots(*std::exchange(fresh_->snapshots, nullptr), page->frames.empty() && !page->more);
  }
  PlaceAt(place);
  page_ = page;
}

// The job may have ended before the stream began, where no frame tells it. All that is in the log is still sent.
void Session::LearnEnd(const feed::Page& page) {
  end_checked_ = true;
  const feed::Frame* const end = NewestEnd(page, follow_job_);
  if (end == nullptr) return;
  if (end->job_end() == feed::JobEnd::kFinal) end_after_ = std::max(end_after_, page.position.seq);
  if (end->job_end() == feed::JobEnd::kRetryable && end->seq() <= position_) {
    awaiting_retry_ = true;
    failed_attempt_ = end->attempt();
  }
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
  if (partial_ != nullptr || !control_.empty()) return Step::kWrite;
  if (ending_) return Step::kEnd;
  FinishPage();
  if (end_after_ != 0 && position_ >= end_after_) {
    End(Goodbye::kEnded, 0);
    return Step::kWrite;
  }
  if (page_ != nullptr) return Step::kWrite;
  if (reading_ || read_failed_ || !joined()) return Step::kIdle;
  if (placed_ && !end_checked_) return Step::kRead;
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
  if (!control_.empty()) pieces.push_back({absl::string_view(control_).substr(control_sent_)});
  if (ending_ || (end_after_ != 0 && Frontier() >= end_after_)) return;
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
  if (frame.names().front() != follow_job_) return;
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
      control_sent_ += sent;
      if (whole) {
        control_ = {};
        control_sent_ = 0;
      }
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
  end_checked_ = follow_job_.empty();
  end_after_ = 0;
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
  const std::string id = placed_ ? Id(position_) : "";
  control_ += event_heartbeat_ ? EventHeartbeat(now, id, names_) : CommentHeartbeat(now, id);
}

void Session::End(Goodbye reason, uint32_t retry_ms) {
  if (std::exchange(ending_, true)) return;
  page_.reset();
  if (retry_ms > 0) control_ += RetryFrame(retry_ms);
  control_ += GoodbyeFrame(reason, names_);
  absl::StrAppend(&control_, LastChunk());
}

void Session::CheckRetryWait(absl::Time now) {
  if (!awaiting_retry_) return;
  if (retry_wait_until_ == absl::InfiniteFuture()) retry_wait_until_ = now + kRetryWait;
  if (now >= retry_wait_until_) End(Goodbye::kEnded, 0);
}

}  // namespace milepost::edge::sse
