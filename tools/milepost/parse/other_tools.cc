// ffmpeg, tqdm, and the list of all.
#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "tools/milepost/parse/parsers.h"
#include "tools/milepost/parse/scanner.h"

namespace milepost::tool {
namespace {

// A bar's description often holds numbers that change ("Epoch 3, loss=0.2"): only the words before them name the step.
std::string StepName(absl::string_view description) {
  std::string name;
  for (const char c : description) {
    if (absl::ascii_isdigit(c) || c == '=' || c == '[' || c == '(') break;
    if (absl::ascii_isalpha(c)) {
      name += absl::ascii_tolower(c);
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  constexpr size_t kMaxName = 40;
  name.resize(std::min(name.size(), kMaxName));
  return name.empty() ? "loop" : name;
}

// "[00:00<00:00, 97.42it/s]", "[00:05, 1.02s/it, loss=0.1]", "[00:00<?, ?it/s]": elapsed, perhaps left, and a rate.
bool IsTqdmTail(absl::string_view text) {
  Scanner scan(text);
  if (!scan.Eat("[") || !scan.Clock()) return false;
  if (scan.Eat("<") && !scan.Eat("?") && !scan.Clock()) return false;
  if (!scan.Eat(", ")) return false;
  const absl::string_view rate = scan.rest();
  return absl::EndsWith(rate, "]") && (absl::StrContains(rate, "/s") || absl::StrContains(rate, "s/"));
}

}  // namespace

std::optional<Reading> FfmpegParser::Feed(absl::string_view piece) {
  const absl::string_view line = absl::StripAsciiWhitespace(piece);
  if (absl::StartsWith(line, "Input #0,")) {
    duration_ = 0;
    fresh_ = true;
  }
  if (absl::StartsWith(line, "Duration: ")) {
    Scanner scan(line.substr(10));
    if (const auto duration = scan.Clock()) duration_ = std::max(duration_, *duration);
    return std::nullopt;
  }
  if (!absl::StartsWith(line, "frame=") && !absl::StartsWith(line, "size=") && !absl::StartsWith(line, "Lsize=")) return std::nullopt;
  const size_t at = line.find("time=");
  if (at == absl::string_view::npos || !absl::StrContains(line, "bitrate=")) return std::nullopt;
  Scanner scan(line.substr(at + 5));
  const auto time = scan.Clock();
  if (!time) return std::nullopt;  // N/A before the first frame
  Reading reading{.what = "encode", .done = *time, .unit = "seconds"};
  if (const size_t speed = line.find("speed="); speed != absl::string_view::npos) {
    reading.message = std::string(absl::StripAsciiWhitespace(line.substr(speed + 6)));
  }
  if (duration_ > 0) {
    reading.total = duration_;
    reading.done = std::min(*time, duration_);
    // The last frame's time is a little before the end.
    if (absl::StrContains(line, "Lsize=")) reading.done = duration_;
  }
  reading.fresh = std::exchange(fresh_, false);
  return reading;
}

std::optional<Reading> TqdmParser::Feed(absl::string_view piece) {
  const absl::string_view line = absl::StripAsciiWhitespace(piece);
  const size_t tail = line.rfind(" [");
  if (tail == absl::string_view::npos || !IsTqdmTail(line.substr(tail + 1))) return std::nullopt;
  const absl::string_view front = line.substr(0, tail);

  absl::string_view description;
  absl::string_view counts = front;
  Reading reading{.counts = true};
  if (const size_t bar = front.find("%|"); bar != absl::string_view::npos) {
    const size_t start = front.substr(0, bar).find_last_not_of("0123456789") + 1;  // npos + 1 is 0
    Scanner scan(front.substr(start));
    reading.fraction = scan.Percent();
    const size_t end = front.find("| ", bar + 2);
    if (!reading.fraction || end == absl::string_view::npos) return std::nullopt;
    description = front.substr(0, start);
    counts = front.substr(end + 2);
  } else if (const size_t colon = front.rfind(": "); colon != absl::string_view::npos) {
    description = front.substr(0, colon);
    counts = front.substr(colon + 2);
  }
  Scanner scan(counts);
  const auto done = scan.Number();
  if (reading.fraction) {
    // Scaled counts ("1.2M/3.4M") are for people; the percentage is enough then.
    const bool plain = done && scan.Eat("/");
    const auto total = plain ? scan.Number() : std::nullopt;
    if (total && *total > 0 && scan.AtEnd()) {
      reading.fraction.reset();
      reading.done = *done;
      reading.total = *total;
    }
  } else {
    if (!done || scan.AtEnd() || scan.rest().find_first_of(" /") != absl::string_view::npos) return std::nullopt;
    reading.done = *done;
    reading.unit = std::string(scan.rest());
  }
  description = absl::StripSuffix(absl::StripTrailingAsciiWhitespace(description), ":");
  reading.what = StepName(description);
  reading.message = std::string(description);
  return reading;
}

std::vector<std::unique_ptr<Parser>> AllParsers() {
  std::vector<std::unique_ptr<Parser>> all;
  all.push_back(std::make_unique<NinjaParser>());
  all.push_back(std::make_unique<MakeParser>());
  all.push_back(std::make_unique<CtestParser>());
  all.push_back(std::make_unique<PytestParser>());
  all.push_back(std::make_unique<CurlParser>());
  all.push_back(std::make_unique<WgetParser>());
  all.push_back(std::make_unique<RsyncParser>());
  all.push_back(std::make_unique<PipParser>());
  all.push_back(std::make_unique<FfmpegParser>());
  all.push_back(std::make_unique<TqdmParser>());
  return all;
}

}  // namespace milepost::tool
