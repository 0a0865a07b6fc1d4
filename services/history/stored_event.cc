#include "services/history/stored_event.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/event_name.h"

namespace milepost::history {
namespace {

std::string ProgressKey(const v1::ProgressEvent& event) {
  if (!event.has_progress()) return "";
  const uint32_t attempt = event.has_attempt() ? event.attempt() : 1;
  return absl::StrCat(event.job(), " ", attempt, " ", event.progress().step());  // a job's name holds no space
}

}  // namespace

size_t StoredEvent::Cost() const {
  return sizeof(StoredEvent) + type.capacity() + progress_key.capacity() + bytes.capacity() +
         names->size() * sizeof(uint64_t);
}

EventPtr MakeStoredEvent(const v1::ProgressEvent& event, int64_t commit_nanos,
                         std::shared_ptr<const std::vector<std::string>> names, std::string bytes) {
  auto stored = std::make_shared<StoredEvent>();
  stored->seq = event.seq();
  stored->commit_nanos = commit_nanos;
  stored->type = std::string(contract::EventName(event));
  stored->progress_key = ProgressKey(event);
  stored->names = std::move(names);
  stored->bytes = std::move(bytes);
  if (stored->bytes.empty()) event.SerializeToString(&stored->bytes);
  return stored;
}

}  // namespace milepost::history
