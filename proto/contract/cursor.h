// Cursors: "<epoch>-<sequence>", epoch [a-z0-9]{8}, at most 32 bytes; and the words "earliest" and "latest".
//
// Values and pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace milepost::contract {

inline constexpr size_t kEpochBytes = 8;
inline constexpr size_t kMaxCursorBytes = 32;

// A place in a log: after the event `seq`.
struct Cursor {
  std::string epoch;
  uint64_t seq = 0;

  friend bool operator==(const Cursor&, const Cursor&) = default;
};

// "<epoch>-<seq>".
std::string FormatCursor(absl::string_view epoch, uint64_t seq);
inline std::string FormatCursor(const Cursor& cursor) { return FormatCursor(cursor.epoch, cursor.seq); }

// The cursor, or nothing if `text` is not exactly what FormatCursor writes. The words are no cursors.
std::optional<Cursor> ParseCursor(absl::string_view text);

inline constexpr absl::string_view kEarliest = "earliest";  // from the oldest event that is kept
inline constexpr absl::string_view kLatest = "latest";      // from the end of the log

}  // namespace milepost::contract
