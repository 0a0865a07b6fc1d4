#include "tools/milepost/text.h"

#include <cstdint>

namespace milepost::tool {
namespace {

struct Char {
  uint32_t code;
  size_t bytes;  // 0: the first byte begins no character
};

// Unicode 15, table 3-7: no overlong forms, no surrogates, nothing past U+10FFFF.
Char Decode(absl::string_view text) {
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return {0, 0};
  uint32_t code = first & (0x7f >> bytes);
  for (size_t at = 1; at < bytes; ++at) {
    if ((byte(at) & 0xc0) != 0x80) return {0, 0};
    code = code << 6 | (byte(at) & 0x3f);
  }
  const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  if (overlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {0, 0};
  return {code, bytes};
}

size_t ColumnsOf(uint32_t code) {
  const auto in = [code](uint32_t first, uint32_t last) { return code >= first && code <= last; };
  if (in(0x300, 0x36f) || in(0x200b, 0x200d) || in(0xfe00, 0xfe0f) || in(0x20d0, 0x20ff)) return 0;
  if (in(0x1100, 0x115f) || in(0x2e80, 0xa4cf) || in(0xac00, 0xd7a3) || in(0xf900, 0xfaff) || in(0xfe30, 0xfe6f) || in(0xff00, 0xff60) ||
      in(0xffe0, 0xffe6) || in(0x1f300, 0x1f64f) || in(0x1f680, 0x1f6ff) || in(0x1f900, 0x1f9ff) || in(0x20000, 0x3fffd)) {
    return 2;
  }
  return 1;
}

// What a terminal would obey: control characters of ASCII and Latin-1, breaks of lines and paragraphs, and what changes the
// direction in which the rest of the line is shown.
bool IsControl(uint32_t code) {
  const bool breaks = code == 0x2028 || code == 0x2029;
  const bool turns = code == 0x61c || code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || breaks || turns;
}

}  // namespace

std::string ReplaceInvalidUtf8(absl::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const size_t bytes = Decode(text).bytes;
    if (bytes == 0) {
      valid += "\uFFFD";
    } else {
      valid.append(text.data(), bytes);
    }
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return valid;
}

bool IsValidUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t bytes = Decode(text).bytes;
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

std::string CutBytes(absl::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  constexpr size_t kEllipsisBytes = 3;
  size_t end = max_bytes - kEllipsisBytes;
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

size_t Columns(absl::string_view text) {
  size_t columns = 0;
  while (!text.empty()) {
    const Char c = Decode(text);
    columns += c.bytes == 0 ? 1 : ColumnsOf(c.code);
    text.remove_prefix(c.bytes == 0 ? 1 : c.bytes);
  }
  return columns;
}

std::string CutColumns(absl::string_view text, size_t columns) {
  std::string cut;
  size_t used = 0;
  size_t before_last = 0;  // bytes of `cut` that leave a column for the ellipsis
  while (!text.empty()) {
    const Char c = Decode(text);
    const size_t bytes = c.bytes == 0 ? 1 : c.bytes;
    const size_t wide = c.bytes == 0 ? 1 : ColumnsOf(c.code);
    if (used + wide > columns) {
      cut.resize(before_last);
      return columns == 0 ? "" : cut + "…";
    }
    if (c.bytes == 0) {
      cut += '?';
    } else if (IsControl(c.code)) {
      cut += ' ';
    } else {
      cut.append(text.data(), bytes);
    }
    used += wide;
    if (used + 1 <= columns) before_last = cut.size();
    text.remove_prefix(bytes);
  }
  return cut;
}

}  // namespace milepost::tool
