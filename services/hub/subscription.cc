#include "services/hub/subscription.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "services/hub/hub.h"

namespace milepost::hub {

Subscription::Subscription(Hub* hub, std::string id, uint64_t position, SubscriptionOptions options, Wake wake)
    : hub_(hub),
      id_(std::move(id)),
      options_(std::move(options)),
      wake_(std::move(wake)),
      position_(position),
      told_(position) {}

bool Subscription::TakeArmed() { return std::exchange(armed_, false); }

std::vector<std::string> Subscription::Names() {
  const std::lock_guard lock(names_mutex_);
  std::vector<std::string> names;
  names.reserve(names_.size());
  names_.ForEach([&](absl::string_view name) { names.emplace_back(name); });
  return names;
}

bool Subscription::Offer(const history::EventPtr& event) {
  if (!options_.types.empty() && !options_.types.contains(event->type)) return false;
  const std::lock_guard lock(mutex_);
  if (offered_ == event->seq) return false;  // it came by another of its names already
  offered_ = event->seq;
  ready_.push_back(event);
  ready_bytes_ += event->bytes.size();
  if (ready_.size() > options_.max_ready_events || ready_bytes_ > options_.max_ready_bytes) {
    ready_.clear();
    ready_.shrink_to_fit();
    ready_bytes_ = 0;
    tail_from_ = event->seq;
  }
  return TakeArmed();
}

bool Subscription::Mark(Applied applied) {
  const std::lock_guard lock(mutex_);
  marks_.push_back(applied);
  return TakeArmed();
}

bool Subscription::MarksFull() {
  const std::lock_guard lock(mutex_);
  return marks_.size() >= kMaxWaitingMarks;
}

bool Subscription::Refresh(uint64_t head) {
  const std::lock_guard lock(mutex_);
  if (told_ >= head) return false;
  refresh_ = true;
  return TakeArmed();
}

bool Subscription::NeedsDisk() {
  uint64_t position = 0;
  {
    const std::lock_guard lock(mutex_);
    if (position_ >= tail_from_) return false;
    position = position_;
  }
  return !hub_->history().InMemory(position);
}

void Subscription::SkipTo(uint64_t position) {
  const std::lock_guard lock(mutex_);
  DropReadyTo(position);
  position_ = std::max(position_, position);
}

void Subscription::DropReadyTo(uint64_t position) {
  while (!ready_.empty() && ready_.front()->seq <= position) {
    ready_bytes_ -= ready_.front()->bytes.size();
    ready_.pop_front();
  }
}

Batch Subscription::Take(size_t max_bytes) {
  Batch batch;
  // Read before the list: all wanted events up to here have been offered by now.
  const uint64_t head = hub_->head();
  if (const auto missed = MissedRange(max_bytes)) {
    ReadMissed(*missed, &batch);
    if (!batch.status.ok()) return batch;
  }
  const std::lock_guard lock(mutex_);
  if (batch.expired) {
    DropReadyTo(head);
    position_ = std::max(position_, head);
  } else if (position_ >= tail_from_ && batch.events.empty()) {
    TakeReady(max_bytes, head, &batch);
  }
  batch.position = position_;
  TakeMarks(&batch);
  const bool behind = position_ < tail_from_;
  if (refresh_ && position_ > told_) batch.refresh = true;
  // A page without events is told too while there are more to come: an empty batch would wait for a wake.
  if (behind && batch.empty()) batch.refresh = true;
  if (batch.empty()) {
    armed_ = true;
  } else {
    told_ = position_;
    refresh_ = false;
  }
  return batch;
}

// What the history has to give before the list continues.
std::optional<history::Query> Subscription::MissedRange(size_t max_bytes) {
  const std::lock_guard lock(mutex_);
  if (position_ >= tail_from_) return std::nullopt;
  return history::Query{.after = position_, .through = tail_from_, .max_bytes = max_bytes};
}

void Subscription::ReadMissed(const history::Query& range, Batch* batch) {
  history::Page page;
  {
    const std::lock_guard lock(names_mutex_);
    history::Query query = range;
    query.names = &names_;
    query.types = &options_.types;
    page = hub_->history().Read(query);
  }
  if (!page.status.ok()) {
    batch->status = std::move(page.status);
    return;
  }
  if (page.expired) {
    batch->expired = true;
    return;
  }
  batch->events = std::move(page.events);
  if (options_.latest_progress) SkipOlderProgress(&batch->events);
  const std::lock_guard lock(mutex_);
  position_ = page.position;
}

void Subscription::TakeReady(size_t max_bytes, uint64_t head, Batch* batch) {
  size_t count = 0;
  size_t bytes = 0;
  while (count < ready_.size() && count < history::kMaxPageEvents) {
    const size_t size = ready_[count]->bytes.size();
    if (count > 0 && bytes + size > max_bytes) break;
    bytes += size;
    ++count;
  }
  if (options_.latest_progress && count < ready_.size()) {
    // All that wait count for conflation, not only those that fit.
    std::vector<history::EventPtr> all(ready_.begin(), ready_.end());
    SkipOlderProgress(&all);
    ready_.assign(all.begin(), all.end());
    ready_bytes_ = 0;
    for (const auto& event : ready_) ready_bytes_ += event->bytes.size();
    count = std::min(count, ready_.size());
  }
  for (size_t i = 0; i < count; ++i) ready_bytes_ -= ready_[i]->bytes.size();
  batch->events.assign(std::make_move_iterator(ready_.begin()), std::make_move_iterator(ready_.begin() + count));
  ready_.erase(ready_.begin(), ready_.begin() + count);
  if (count > 0) position_ = batch->events.back()->seq;
  if (ready_.empty()) position_ = std::max(position_, head);
  if (options_.latest_progress) SkipOlderProgress(&batch->events);
}

// A mark stands after all events before its `from`, and no later than the first one from there on.
void Subscription::TakeMarks(Batch* batch) {
  while (!marks_.empty() && marks_.front().from <= position_ + 1) {
    batch->applied.push_back(marks_.front());
    marks_.pop_front();
  }
}

void Subscription::SkipOlderProgress(std::vector<history::EventPtr>* events) const {
  absl::flat_hash_set<absl::string_view> seen;
  std::vector<history::EventPtr> kept;
  kept.reserve(events->size());
  for (auto event = events->rbegin(); event != events->rend(); ++event) {
    const std::string& key = (*event)->progress_key;
    if (key.empty() || seen.insert(key).second) kept.push_back(*event);
  }
  std::reverse(kept.begin(), kept.end());
  events->swap(kept);
}

}  // namespace milepost::hub
