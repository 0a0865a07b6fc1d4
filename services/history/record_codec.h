// Between records and their bytes in a store. The format is described in README.md and held by golden files.
//
// Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/history/history.h"

namespace milepost::history {

// The first byte of every record.
inline constexpr char kRecordVersion = 1;

// The bytes of a record, in `bytes`, whose room is used again.
void EncodeRecord(const Entry& entry, std::string* bytes);

// A record to be folded again. DATA_LOSS if the bytes are none, or of a newer version.
absl::StatusOr<StoredRecord> DecodeRecord(uint64_t seq, absl::string_view bytes);

// The event of a record for readers; null if it is void. DATA_LOSS as above.
absl::StatusOr<EventPtr> DecodeEvent(uint64_t seq, absl::string_view bytes);

}  // namespace milepost::history
