#include "clients/cpp/spool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace milepost::client {

void Spool::Add(v1::ProgressEvent event) {
  const uint64_t arrival = ++arrivals_;
  const Kind kind = KindOf(event);
  if (kind == kProgress) {
    const auto [newest, first] = newest_progress_.try_emplace(StepKey(event), arrival);
    if (!first) {
      const auto older = unsent_.find(std::exchange(newest->second, arrival));
      by_kind_[older->second.kind].erase(older->first);
      older->second.kind = kSuperseded;
      by_kind_[kSuperseded].insert(older->first);
    }
  }
  const size_t bytes = event.ByteSizeLong();
  bytes_ += bytes;
  by_kind_[kind].insert(arrival);
  unsent_.emplace(arrival, Item{std::move(event), bytes, kind});
  while (Full() && !unsent_.empty()) DropOne();
}

bool Spool::TakeBatch(size_t credit, v1::PublishStreamRequest::Batch* batch) {
  batch->Clear();
  batch->set_first_number(first_ + written_);
  size_t bytes = 0;
  while (written_ < credit && static_cast<size_t>(batch->events_size()) < kMaxBatchEvents) {
    if (written_ == sent_.size() && !SendOne()) break;
    const Item& item = sent_[written_];
    if (batch->events_size() > 0 && bytes + item.bytes > kMaxBatchBytes) break;
    *batch->add_events() = item.event;
    bytes += item.bytes;
    ++written_;
  }
  return batch->events_size() > 0;
}

void Spool::ChangeUnsent(const std::function<void(v1::ProgressEvent*)>& change) {
  newest_progress_.clear();
  for (auto& [arrival, item] : unsent_) {
    change(&item.event);
    bytes_ -= item.bytes;
    item.bytes = item.event.ByteSizeLong();
    bytes_ += item.bytes;
    if (item.kind == kProgress) newest_progress_[StepKey(item.event)] = arrival;
  }
}

void Spool::Ack(uint64_t number) {
  while (first_ <= number && !sent_.empty()) {
    bytes_ -= sent_.front().bytes;
    sent_.pop_front();
    ++first_;
    if (written_ > 0) --written_;
  }
}

Spool::Kind Spool::KindOf(const v1::ProgressEvent& event) {
  switch (event.event_case()) {
    case v1::ProgressEvent::kProgress:
      return kProgress;
    case v1::ProgressEvent::kOutput:
      return event.output().has_line() ? kLine : kOther;
    case v1::ProgressEvent::kStatus:
    case v1::ProgressEvent::kStep:
    case v1::ProgressEvent::kControl:
      return kLife;
    case v1::ProgressEvent::kCompleted:
    case v1::ProgressEvent::kFailed:
    case v1::ProgressEvent::kCancelled:
      return kEnd;
    default:
      return kOther;
  }
}

std::string Spool::StepKey(const v1::ProgressEvent& event) {
  return absl::StrCat(event.job(), "\n", event.attempt(), "\n", event.progress().step());
}

void Spool::DropOne() {
  const auto kind = std::find_if(by_kind_.begin(), by_kind_.end(), [](const auto& set) { return !set.empty(); });
  Remove(unsent_.find(*kind->begin()));
  ++dropped_;
}

Spool::Item Spool::Remove(std::map<uint64_t, Item>::iterator found) {
  const uint64_t arrival = found->first;
  Item item = std::move(found->second);
  unsent_.erase(found);
  by_kind_[item.kind].erase(arrival);
  if (item.kind == kProgress) newest_progress_.erase(StepKey(item.event));
  bytes_ -= item.bytes;
  return item;
}

bool Spool::SendOne() {
  if (unsent_.empty()) return false;
  sent_.push_back(Remove(unsent_.begin()));
  bytes_ += sent_.back().bytes;
  return true;
}

}  // namespace milepost::client
