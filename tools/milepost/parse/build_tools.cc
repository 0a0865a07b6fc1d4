// ninja, make, ctest, pytest.
#include <algorithm>
#include <utility>

#include "tools/milepost/parse/parsers.h"
#include "tools/milepost/parse/scanner.h"

namespace milepost::tool {

std::optional<Reading> NinjaParser::Feed(absl::string_view piece) {
  Scanner scan(piece);
  if (scan.Eat("ninja: Entering directory")) {
    trusted_ = true;
    done_ = total_ = 0;
  }
  if (!scan.Eat("[")) return std::nullopt;
  const auto done = scan.Number();
  if (!done || !scan.Eat("/")) return std::nullopt;
  const auto total = scan.Number();
  if (!total || *total == 0 || *done > *total || !scan.Eat("] ") || scan.AtEnd()) return std::nullopt;

  // A date such as [11/21] repeats or changes as a whole; a counter goes on. The total of a running build may change
  // a little as work turns out to be needless.
  constexpr uint64_t kMaxJump = 64;
  const bool counts_on = *done > done_ && *total == total_;
  const bool goes_on = *done >= done_ && *done - done_ <= kMaxJump;
  trusted_ = counts_on || (trusted_ && (total_ == 0 || *total == total_ || goes_on));
  done_ = *done;
  total_ = *total;
  if (!trusted_) return std::nullopt;
  return Reading{.what = "build", .done = *done, .total = *total, .unit = "steps", .message = std::string(scan.rest()), .counts = true};
}

std::optional<Reading> MakeParser::Feed(absl::string_view piece) {
  // "[  8%] ": the number is always three wide.
  if (piece.size() < 8 || piece[0] != '[' || piece.substr(4, 3) != "%] ") return std::nullopt;
  Scanner scan(piece.substr(1));
  scan.Spaces();
  const auto percent = scan.Percent();
  if (!percent || !scan.Eat("] ") || scan.AtEnd()) return std::nullopt;
  return Reading{.what = "build", .fraction = percent, .message = std::string(scan.rest())};
}

std::optional<Reading> CtestParser::Feed(absl::string_view piece) {
  if (absl::StartsWith(piece, "Test project ")) fresh_ = true;
  Scanner scan(piece);
  scan.Spaces();
  const auto done = scan.Number();
  if (!done || !scan.Eat("/")) return std::nullopt;
  const auto total = scan.Number();
  if (!total || *done == 0 || *done > *total || !scan.Eat(" Test ")) return std::nullopt;
  scan.Spaces();
  if (!scan.Eat("#") || !scan.Number() || !scan.Eat(": ")) return std::nullopt;
  const absl::string_view name = scan.rest().substr(0, scan.rest().find(" ."));
  Reading reading{.what = "test", .done = *done, .total = *total, .unit = "tests", .message = std::string(absl::StripAsciiWhitespace(name)), .counts = true};
  reading.fresh = std::exchange(fresh_, false);
  return reading;
}

std::optional<Reading> PytestParser::Feed(absl::string_view piece) {
  if (absl::StartsWith(piece, "====") && absl::StrContains(piece, " test session starts ")) fresh_ = true;
  const absl::string_view line = absl::StripTrailingAsciiWhitespace(piece);
  if (!absl::EndsWith(line, "%]") || line.size() < 7) return std::nullopt;
  const size_t open = line.size() - 6;  // "[ 45%]" is always six wide
  if (line[open] != '[' || line[open - 1] != ' ') return std::nullopt;
  Scanner scan(line.substr(open + 1));
  scan.Spaces();
  const auto percent = scan.Percent();
  if (!percent) return std::nullopt;

  // In front: letters of results, after a file's name or alone; or a test's name and its result.
  absl::string_view front = absl::StripTrailingAsciiWhitespace(line.substr(0, open));
  absl::string_view name;
  if (const size_t space = front.rfind(' '); space != absl::string_view::npos) {
    name = absl::StripAsciiWhitespace(front.substr(0, space));
    front.remove_prefix(space + 1);
  }
  const bool letters = !front.empty() && front.find_first_not_of(".FEsxXpPR") == absl::string_view::npos;
  const bool of_file = letters && (name.empty() || absl::EndsWith(name, ".py"));
  bool of_test = absl::StrContains(name, "::");
  if (of_test) {
    const absl::string_view results[] = {"PASSED", "FAILED", "ERROR", "SKIPPED", "XFAIL", "XPASS"};
    of_test = std::find(std::begin(results), std::end(results), front) != std::end(results);
  }
  if (!of_file && !of_test) return std::nullopt;
  Reading reading{.what = "test", .fraction = percent, .message = std::string(name)};
  reading.fresh = std::exchange(fresh_, false);
  return reading;
}

}  // namespace milepost::tool
