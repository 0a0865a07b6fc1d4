// How a stream begins, and begins anew after a reset: where it stands, and its snapshots.
#include <algorithm>
#include <utility>

#include "edge/sse/session.h"
#include "proto/contract/cursor.h"

namespace milepost::edge::sse {

std::vector<std::string> Session::Few(std::vector<std::string> names) {
  if (names.size() > kFewSnapshots) names.resize(kFewSnapshots);
  return names;
}

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
  outbox_.Append(ConnectedFrame(Names(), Id(position), heartbeat_, names_));
  connected_sent_ = true;
}

feed::ReadSpec Session::PlacingRead() const {
  feed::ReadSpec spec;
  spec.resources = Names();
  spec.at_least = FeedsStart() - 1;
  if (pending_reset_) {
    spec.snapshot = true;
    if (few_snapshots_) spec.resources = Few(std::move(spec.resources));
  } else if (fresh_ != nullptr && fresh_->snapshots == nullptr) {
    spec.resources = few_snapshots_ ? Few(request_->fresh) : request_->fresh;
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
    if (probing_) spec.resources = Few(std::move(spec.resources));
  } else if (request_->last > 0) {
    spec.last = request_->last;
    spec.types = ServiceTypes();
  } else {
    spec.snapshot = true;
    if (few_snapshots_) spec.resources = Few(std::move(spec.resources));
  }
  return spec;
}

void Session::PlaceBySnapshots(const feed::PagePtr& page) {
  SendSnapshots(page, Names(), true);
  LearnStanding(*page);
  PlaceAt(page->position.seq);
}

// `latest` with fresh resources: where their snapshots were taken is the end of the log as well as any.
void Session::PlaceAtFresh() {
  const uint64_t place = fresh_->through;
  AppendConnected(place);
  SendSnapshots(std::exchange(fresh_->snapshots, nullptr), request_->fresh, true);
  fresh_.reset();
  PlaceAt(place);
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
    outbox_.Append(page->reset ? ResetFrame(page->reset->reason(), page->reset->oldest(), names_)
                               : ResetFrame(pending_reset_->reason, pending_reset_->oldest, names_));
    PlaceBySnapshots(page);
    return;
  }
  if (request_->cursor.empty() && request_->last == 0) {
    AppendConnected(head);
    PlaceBySnapshots(page);
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
    SendSnapshots(std::exchange(fresh_->snapshots, nullptr), request_->fresh, page->frames.empty() && !page->more);
  }
  PlaceAt(place);
  page_ = page;
}

// --- Snapshots ---

// `wanted` are the resources that the page's snapshots are of, or begin with.
void Session::SendSnapshots(feed::PagePtr page, const std::vector<std::string>& wanted, bool with_id) {
  waiting_ = std::make_unique<WaitingSnapshots>();
  waiting_->at = page->position.seq;
  if (with_id) waiting_->id = Id(waiting_->at);
  if (few_snapshots_ && wanted.size() > kFewSnapshots) waiting_->names.assign(wanted.begin() + kFewSnapshots, wanted.end());
  waiting_->page = std::move(page);
  QueueSnapshots();
}

// Puts as many into the outbox as may wait there.
void Session::QueueSnapshots() {
  while (waiting_->page != nullptr && outbox_.shared_bytes() < max_waiting_snapshots_) {
    const std::vector<feed::SnapshotFrame>& snapshots = waiting_->page->snapshots;
    if (waiting_->next < snapshots.size()) {
      const auto& json = snapshots[waiting_->next++].json;
      const bool last = waiting_->next == snapshots.size() && waiting_->names.empty();
      if (last && !waiting_->id.empty()) told_ = waiting_->at;
      outbox_.Append(SnapshotHead(json->size(), last ? waiting_->id : "", names_));
      outbox_.AppendShared(json);
      outbox_.Append(SnapshotTail());
    }
    if (waiting_->next >= snapshots.size()) waiting_->page.reset();
  }
  if (waiting_->page == nullptr && waiting_->names.empty()) waiting_.reset();
}

// A slow reader gets them later, as they are then. They may hold events that still follow; a reader tells those by the
// cursors in the states.
void Session::DropSnapshots() {
  if (waiting_->page == nullptr) return;
  std::vector<std::string> names;
  for (size_t i = waiting_->next; i < waiting_->page->snapshots.size(); ++i) {
    const std::string& name = waiting_->page->snapshots[i].resource;
    if (names.empty() || names.back() != name) names.push_back(name);
  }
  waiting_->names.insert(waiting_->names.begin(), names.begin(), names.end());
  waiting_->page.reset();
}

// Where the followed job stood at the page's position. Its end may be older than any event that is kept, so what came
// up to there is told by its state and not by events; all that is in the log is still sent.
void Session::LearnStanding(const feed::Page& page) {
  if (follow_job_.empty()) return;
  end_checked_ = true;
  standing_at_ = page.position.seq;
  feed::JobStanding standing;
  for (const feed::SnapshotFrame& snapshot : page.snapshots) {
    if (snapshot.resource == follow_job_) standing = snapshot.own;
  }
  if (standing.end == feed::JobEnd::kFinal) end_after_ = page.position.seq;
  awaiting_retry_ = standing.end == feed::JobEnd::kRetryable;
  failed_attempt_ = standing.attempt;
}

}  // namespace milepost::edge::sse
