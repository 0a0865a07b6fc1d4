// curl, wget, rsync, pip.
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tools/milepost/parse/parsers.h"
#include "tools/milepost/parse/scanner.h"

namespace milepost::tool {
namespace {

// "1464k", "15.2M", "0": what curl writes for bytes.
std::optional<double> CurlSize(absl::string_view text) {
  Scanner scan(text);
  auto value = scan.Decimal();
  if (!value) return std::nullopt;
  if (scan.AtEnd()) return value;
  const size_t power = absl::string_view("kMGTP").find(scan.rest()[0]);
  if (power == absl::string_view::npos || scan.rest().size() != 1) return std::nullopt;
  return *value * std::pow(1024.0, static_cast<double>(power + 1));
}

// "0:00:04", "--:--:--".
bool IsCurlTime(absl::string_view text) {
  return text == "--:--:--" || (absl::StrContains(text, ':') && text.find_first_not_of("0123456789:") == absl::string_view::npos);
}

// The name in ‘name’ or 'name', or the last part of a path or URL.
std::string LastPart(absl::string_view text) {
  for (absl::string_view quote : {"‘", "'", "\""}) absl::ConsumePrefix(&text, quote);
  for (absl::string_view quote : {"’", "'", "\""}) absl::ConsumeSuffix(&text, quote);
  const size_t slash = text.rfind('/');
  return std::string(slash == absl::string_view::npos ? text : text.substr(slash + 1));
}

}  // namespace

std::optional<Reading> CurlParser::Feed(absl::string_view piece) {
  if (absl::StrContains(piece, "% Total    % Received % Xferd")) {
    in_table_ = fresh_ = true;
    return std::nullopt;
  }
  std::optional<Reading> reading = in_table_ ? Meter(piece) : std::nullopt;
  if (!reading) reading = Bar(piece);
  if (reading) reading->fresh = std::exchange(fresh_, false);
  return reading;
}

std::optional<Reading> CurlParser::Meter(absl::string_view piece) {
  const std::vector<absl::string_view> column = absl::StrSplit(piece, ' ', absl::SkipEmpty());
  if (column.size() != 12) return std::nullopt;
  for (const size_t time : {8u, 9u, 10u}) {
    if (!IsCurlTime(column[time])) return std::nullopt;
  }
  Scanner scan(column[0]);
  const auto percent = scan.Number();
  const auto total = CurlSize(column[1]), received = CurlSize(column[3]), sent = CurlSize(column[5]);
  if (!percent || *percent > 100 || !total || !received || !sent) return std::nullopt;
  Reading reading{.what = "download", .message = absl::StrCat(column[11], "/s")};
  if (*sent > *received) reading.what = "upload";
  if (*total > 0) {
    reading.fraction = *percent / 100.0;
  } else {
    reading.done = *received + *sent;
    reading.unit = "bytes";
  }
  return reading;
}

std::optional<Reading> CurlParser::Bar(absl::string_view piece) {
  Scanner scan(piece);
  const size_t bar = scan.SkipAny("#");
  const size_t space = scan.Spaces();
  constexpr size_t kNarrowest = 16;
  if (bar == 0 || bar + space < kNarrowest) return std::nullopt;
  const auto percent = scan.Percent();
  if (!percent || !scan.AtEnd()) return std::nullopt;
  return Reading{.what = "download", .fraction = percent};
}

std::optional<Reading> WgetParser::Feed(absl::string_view piece) {
  if (absl::StartsWith(piece, "Saving to: ")) {
    name_ = LastPart(piece.substr(11));
    fresh_ = true;
    return std::nullopt;
  }
  std::optional<double> percent;
  if (const size_t at = piece.find("%["); at != absl::string_view::npos && at > 0) {
    const size_t start = piece.substr(0, at).rfind(' ') + 1;  // npos + 1 is 0
    Scanner scan(piece.substr(start));
    percent = scan.Percent();
    scan.Eat("[");
    if (scan.SkipAny("+=> ") < 4 || !scan.Eat("]")) return std::nullopt;
  } else {
    Scanner scan(piece);
    scan.Spaces();
    if (!scan.Number() || !scan.Eat("K ") || scan.SkipAny("., ") < 10) return std::nullopt;
    percent = scan.Percent();
  }
  if (!percent) return std::nullopt;
  Reading reading{.what = "download", .fraction = percent, .message = name_};
  reading.fresh = std::exchange(fresh_, false);
  return reading;
}

std::optional<Reading> RsyncParser::Feed(absl::string_view piece) {
  if (absl::EndsWith(piece, "incremental file list")) {
    *this = RsyncParser();
    many_ = fresh_ = true;
    return std::nullopt;
  }
  Scanner scan(piece);
  if (scan.Spaces() == 0 || !scan.Number() || scan.Spaces() == 0) return std::nullopt;
  const auto percent = scan.Percent();
  if (!percent || scan.Spaces() == 0) return std::nullopt;
  const absl::string_view speed = scan.rest().substr(0, scan.rest().find(' '));
  if (!scan.Decimal() || scan.SkipAny("kMGT") > 1 || !scan.Eat("B/s") || scan.Spaces() == 0 || !scan.Clock()) return std::nullopt;

  Reading reading{.what = "sync", .message = std::string(speed)};
  scan.Spaces();
  if (scan.Eat("(xfr#") && scan.Number() && scan.Eat(", ") && (scan.Eat("to-chk=") || scan.Eat("ir-chk="))) {
    const auto left = scan.Number();
    if (!left || !scan.Eat("/")) return std::nullopt;
    const auto all = scan.Number();
    if (!all || *left > *all) return std::nullopt;
    if (scope_ == Scope::kUnknown && *left > 0) scope_ = *percent < 1 ? Scope::kAll : Scope::kFile;
    done_ = static_cast<double>(*all - *left);
    total_ = static_cast<double>(*all);
  }
  if (scope_ == Scope::kFile) {
    reading.done = done_;
    reading.total = total_;
    reading.unit = "files";
  } else if (scope_ == Scope::kAll || !many_) {
    reading.fraction = percent;
  }
  reading.fresh = std::exchange(fresh_, false);
  return reading;
}

std::optional<Reading> PipParser::Feed(absl::string_view piece) {
  const absl::string_view line = absl::StripLeadingAsciiWhitespace(piece);
  if (absl::StartsWith(line, "Downloading ")) {
    const absl::string_view what = line.substr(12);
    name_ = LastPart(what.substr(0, what.find(' ')));
    fresh_ = true;
    return std::nullopt;
  }
  Scanner scan(line);
  size_t bar = 0;
  while (scan.Eat("━") || scan.Eat("╸") || scan.Eat("╺") || scan.Eat("-")) ++bar;
  constexpr size_t kNarrowest = 10;
  if (bar < kNarrowest || scan.Spaces() != 1) return std::nullopt;
  const auto done = scan.Decimal();
  if (!done || !scan.Eat("/")) return std::nullopt;
  const auto total = scan.Decimal();
  if (!total || *total <= 0 || *done > *total || !scan.Eat(" ")) return std::nullopt;
  if (!scan.Eat("bytes") && !scan.Eat("kB") && !scan.Eat("MB") && !scan.Eat("GB")) return std::nullopt;
  Reading reading{.what = "download", .fraction = *done / *total, .message = name_};
  reading.fresh = std::exchange(fresh_, false);
  return reading;
}

}  // namespace milepost::tool
