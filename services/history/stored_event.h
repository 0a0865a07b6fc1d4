// StoredEvent: an event as the log holds it, folded and encoded once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "milepost/v1/event.pb.h"

namespace milepost::history {

// Immutable and shared by the history and every reader that waits for it; safe from any thread.
struct StoredEvent {
  uint64_t seq = 0;           // place in the log, from 1
  int64_t commit_nanos = 0;   // when it was appended, nanoseconds since the Unix epoch
  std::string type;           // name that readers see, for example "step-progress"
  std::string progress_key;   // job, attempt and step of a step-progress; empty for all other events
  std::string bytes;          // the serialized milepost.v1.ProgressEvent
  // The job, then its sticky resources. Shared, because the events of a job mostly have the same ones.
  std::shared_ptr<const std::vector<std::string>> names;

  // Approximate memory, index entries included. Retention by bytes counts this.
  size_t Cost() const;
};

using EventPtr = std::shared_ptr<const StoredEvent>;

// `event` as it is stored; `bytes` is its encoding and is made if it is empty.
EventPtr MakeStoredEvent(const v1::ProgressEvent& event, int64_t commit_nanos,
                         std::shared_ptr<const std::vector<std::string>> names, std::string bytes = "");

}  // namespace milepost::history
