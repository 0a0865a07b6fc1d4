#include "proto/contract/cursor.h"

#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace milepost::contract {

std::string FormatCursor(absl::string_view epoch, uint64_t seq) { return absl::StrCat(epoch, "-", seq); }

std::optional<Cursor> ParseCursor(absl::string_view text) {
  if (text.size() < kEpochBytes + 2 || text.size() > kMaxCursorBytes || text[kEpochBytes] != '-') return std::nullopt;
  const absl::string_view epoch = text.substr(0, kEpochBytes);
  for (char c : epoch) {
    if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c)) return std::nullopt;
  }
  const absl::string_view digits = text.substr(kEpochBytes + 1);
  if (digits.size() > 1 && digits[0] == '0') return std::nullopt;  // one way to write a number, so that equal is equal
  uint64_t seq = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seq);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return Cursor{std::string(epoch), seq};
}

}  // namespace milepost::contract
