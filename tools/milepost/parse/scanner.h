// A small reader of one line, for parsers that are too simple for regular expressions.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace milepost::tool {

// Every method takes what it names from the front of the text and says whether it was there. A value type.
class Scanner {
 public:
  explicit Scanner(absl::string_view text) : rest_(text) {}

  absl::string_view rest() const { return rest_; }
  bool AtEnd() const { return rest_.empty(); }

  bool Eat(absl::string_view text) {
    if (!absl::StartsWith(rest_, text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  // How many spaces there were.
  size_t Spaces() { return SkipAny(" "); }

  // How many bytes of `set` there were.
  size_t SkipAny(absl::string_view set) {
    size_t count = 0;
    while (count < rest_.size() && set.find(rest_[count]) != absl::string_view::npos) ++count;
    rest_.remove_prefix(count);
    return count;
  }

  // 1 to 12 digits; commas between them are thousands.
  std::optional<uint64_t> Number() {
    uint64_t value = 0;
    size_t digits = 0, at = 0;
    const auto digit = [this](size_t i) { return i < rest_.size() && absl::ascii_isdigit(rest_[i]); };
    for (; digit(at) || (digits > 0 && at < rest_.size() && rest_[at] == ',' && digit(at + 1)); ++at) {
      if (rest_[at] == ',') continue;
      value = value * 10 + (rest_[at] - '0');
      if (++digits > 12) return std::nullopt;
    }
    if (digits == 0) return std::nullopt;
    rest_.remove_prefix(at);
    return value;
  }

  // Digits with or without a fraction.
  std::optional<double> Decimal() {
    size_t at = 0;
    while (at < rest_.size() && at < 20 && (absl::ascii_isdigit(rest_[at]) || (rest_[at] == '.' && at > 0))) ++at;
    if (at == 0) return std::nullopt;
    const double value = std::strtod(std::string(rest_.substr(0, at)).c_str(), nullptr);
    rest_.remove_prefix(at);
    return value;
  }

  // "45%" with 45 from 0 to 100, as 0.45.
  std::optional<double> Percent() {
    Scanner ahead = *this;
    const std::optional<double> value = ahead.Decimal();
    if (!value || *value > 100 || !ahead.Eat("%")) return std::nullopt;
    *this = ahead;
    return *value / 100;
  }

  // "hh:mm:ss" or "mm:ss", with or without a fraction, as seconds.
  std::optional<double> Clock() {
    Scanner ahead = *this;
    double seconds = 0;
    int parts = 0;
    do {
      const std::optional<double> part = ahead.Decimal();
      if (!part) return std::nullopt;
      seconds = seconds * 60 + *part;
      ++parts;
    } while (parts < 3 && ahead.Eat(":"));
    if (parts < 2) return std::nullopt;
    *this = ahead;
    return seconds;
  }

 private:
  absl::string_view rest_;
};

}  // namespace milepost::tool
