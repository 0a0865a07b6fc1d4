// The events of a producer that are not safe with the service yet.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "milepost/v1/event.pb.h"
#include "milepost/v1/event_service.pb.h"

namespace milepost::client {

struct SpoolLimits {
  size_t max_events = 8192;
  size_t max_bytes = 8 * 1024 * 1024;
};

// What one batch may hold: well below what a service receives in one message.
inline constexpr size_t kMaxBatchEvents = 256;
inline constexpr size_t kMaxBatchBytes = 128 * 1024;

// Keeps events in order, first those that were sent and are not acked, then those that were never sent. An event gets
// its number when it is first sent, and from then on it is kept until it is acked. What was never sent may be dropped
// when there is no room: first progress that newer progress of the same job, attempt and step has made old, then lines
// of output, other progress, notices and the like, and only then what tells the life of jobs and steps.
// Not thread-safe: it belongs to a PublishSession.
class Spool {
 public:
  explicit Spool(SpoolLimits limits) : limits_(limits) {}

  // Takes an event; drops as many as it must, perhaps this one.
  void Add(v1::ProgressEvent event);

  // The next events for the stream, in order, with the number of the first; at most `credit` events are then unacked.
  // False if there is nothing to send now.
  bool TakeBatch(size_t credit, v1::PublishStreamRequest::Batch* batch);

  // Changes events that were never sent. `change` leaves what kind of event it is, and its step, alone.
  void ChangeUnsent(const std::function<void(v1::ProgressEvent*)>& change);

  // The stream is a new one: everything that is not acked is to be sent again.
  void Rewind() { written_ = 0; }

  // All numbers up to `number` are safe. Numbers that were never sent are ignored.
  void Ack(uint64_t number);

  // The event that was sent as `number` and is not acked; null if there is none.
  const v1::ProgressEvent* Sent(uint64_t number) const {
    return number >= first_ && number - first_ < sent_.size() ? &sent_[number - first_].event : nullptr;
  }

  bool empty() const { return sent_.empty() && unsent_.empty(); }
  size_t events() const { return sent_.size() + unsent_.size(); }
  size_t bytes() const { return bytes_; }
  uint64_t acked() const { return first_ - 1; }
  uint64_t dropped() const { return dropped_; }

 private:
  // In the order in which they are dropped.
  enum Kind { kSuperseded, kLine, kProgress, kOther, kLife, kEnd, kKinds };
  struct Item {
    v1::ProgressEvent event;
    size_t bytes;
    Kind kind;
  };

  static Kind KindOf(const v1::ProgressEvent& event);
  static std::string StepKey(const v1::ProgressEvent& event);
  bool Full() const { return events() > limits_.max_events || bytes_ > limits_.max_bytes; }
  void DropOne();
  Item Remove(std::map<uint64_t, Item>::iterator item);
  bool SendOne();

  const SpoolLimits limits_;
  size_t bytes_ = 0;
  uint64_t dropped_ = 0;

  std::deque<Item> sent_;  // numbered first_, first_ + 1, …
  uint64_t first_ = 1;
  size_t written_ = 0;  // how many of sent_ went out on this stream

  std::map<uint64_t, Item> unsent_;  // by order of arrival
  uint64_t arrivals_ = 0;
  std::array<std::set<uint64_t>, kKinds> by_kind_;
  std::map<std::string, uint64_t> newest_progress_;  // in unsent_, by job, attempt and step
};

}  // namespace milepost::client
