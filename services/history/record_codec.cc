#include "services/history/record_codec.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/history/record.pb.h"

namespace milepost::history {
namespace {

absl::Status Parse(uint64_t seq, absl::string_view bytes, format::Record* record) {
  if (bytes.empty()) return absl::DataLossError(absl::StrCat("record ", seq, ": is empty"));
  if (bytes[0] != kRecordVersion) {
    return absl::DataLossError(absl::StrCat("record ", seq, ": is of format ", static_cast<unsigned char>(bytes[0]),
                                            ", this program knows ", static_cast<int>(kRecordVersion)));
  }
  if (!record->ParseFromArray(bytes.data() + 1, static_cast<int>(bytes.size() - 1))) {
    return absl::DataLossError(absl::StrCat("record ", seq, ": cannot be read"));
  }
  return absl::OkStatus();
}

absl::Status ParseEvent(uint64_t seq, absl::string_view bytes, v1::ProgressEvent* event) {
  if (event->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("record ", seq, ": its event cannot be read"));
}

void Set(absl::string_view from, std::string* to) { to->assign(from.data(), from.size()); }

}  // namespace

void EncodeRecord(const Entry& entry, std::string* bytes) {
  format::Record record;
  record.set_commit_nanos(entry.commit_nanos);
  if (entry.event != nullptr) {
    for (const std::string& name : *entry.event->names) record.add_names(name);
    record.set_event(entry.event->bytes);
  } else if (entry.refused != nullptr) {
    entry.refused->SerializeToString(record.mutable_event());
  }
  Set(entry.origin.producer, record.mutable_producer());
  record.set_number(entry.origin.number);
  Set(entry.origin.idempotency_key, record.mutable_idempotency_key());
  Set(entry.origin.idempotency_content, record.mutable_idempotency_content());
  record.set_index(entry.origin.index);
  record.set_first_of_stream(entry.origin.first_of_stream);
  record.set_only_after(entry.origin.only_after);
  record.set_lease_nanos(entry.origin.lease_nanos);
  bytes->assign(1, kRecordVersion);
  record.AppendToString(bytes);
}

absl::StatusOr<StoredRecord> DecodeRecord(uint64_t seq, absl::string_view bytes) {
  format::Record record;
  if (absl::Status parsed = Parse(seq, bytes, &record); !parsed.ok()) return parsed;
  StoredRecord stored{.seq = seq, .commit_nanos = record.commit_nanos(), .is_event = record.names_size() > 0};
  if (!record.event().empty()) {
    stored.event = std::make_unique<v1::ProgressEvent>();
    if (absl::Status parsed = ParseEvent(seq, record.event(), stored.event.get()); !parsed.ok()) return parsed;
  }
  if (stored.is_event && stored.event == nullptr) {
    return absl::DataLossError(absl::StrCat("record ", seq, ": has no event"));
  }
  stored.producer = std::move(*record.mutable_producer());
  stored.number = record.number();
  stored.first_of_stream = record.first_of_stream();
  stored.idempotency_key = std::move(*record.mutable_idempotency_key());
  stored.idempotency_content = std::move(*record.mutable_idempotency_content());
  stored.index = record.index();
  stored.only_after = record.only_after();
  stored.lease_nanos = record.lease_nanos();
  return stored;
}

absl::StatusOr<EventPtr> DecodeEvent(uint64_t seq, absl::string_view bytes) {
  format::Record record;
  if (absl::Status parsed = Parse(seq, bytes, &record); !parsed.ok()) return parsed;
  if (record.names_size() == 0) return EventPtr();
  v1::ProgressEvent event;
  if (absl::Status parsed = ParseEvent(seq, record.event(), &event); !parsed.ok()) return parsed;
  if (event.seq() != seq) {
    return absl::DataLossError(absl::StrCat("record ", seq, ": holds the event of record ", event.seq()));
  }
  auto names = std::make_shared<std::vector<std::string>>(record.names().begin(), record.names().end());
  return MakeStoredEvent(event, record.commit_nanos(), std::move(names), std::move(*record.mutable_event()));
}

}  // namespace milepost::history
