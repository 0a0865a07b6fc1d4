#include "tools/bench/wire/event_mark.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace milepost::bench {
namespace {

constexpr absl::string_view kJobPrefix = "job:bench-";

// Reads the digits at the front of `text` and takes them off. False if there are none or too many.
bool ConsumeNumber(absl::string_view& text, uint64_t& value) {
  size_t length = 0;
  value = 0;
  while (length < text.size() && text[length] >= '0' && text[length] <= '9') {
    if (length == 19) return false;
    value = value * 10 + static_cast<uint64_t>(text[length] - '0');
    ++length;
  }
  text.remove_prefix(length);
  return length > 0;
}

}  // namespace

std::string JobName(uint32_t job) { return absl::StrCat(kJobPrefix, job); }

std::optional<uint32_t> FindJob(absl::string_view text) {
  const size_t at = text.find(kJobPrefix);
  if (at == absl::string_view::npos) return std::nullopt;
  text.remove_prefix(at + kJobPrefix.size());
  uint64_t job = 0;
  if (!ConsumeNumber(text, job) || job > UINT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(job);
}

std::string FormatMark(const BenchEvent& event) { return absl::StrCat("#", event.number, " @", event.published); }

std::optional<Mark> FindMark(absl::string_view text) {
  for (size_t at = text.find('#'); at != absl::string_view::npos; at = text.find('#')) {
    text.remove_prefix(at + 1);
    absl::string_view rest = text;
    Mark mark;
    uint64_t published = 0;
    if (!ConsumeNumber(rest, mark.number) || rest.substr(0, 2) != " @") continue;
    rest.remove_prefix(2);
    if (!ConsumeNumber(rest, published)) continue;
    mark.published = static_cast<int64_t>(published);
    return mark;
  }
  return std::nullopt;
}

std::string EventJson(const BenchEvent& event) {
  return absl::StrFormat(
      R"({"job":"%s","seq":"%d","commitTime":"2026-11-21T03:30:00.%09dZ",)"
      R"("progress":{"step":"render","fraction":0.4,"message":"%s"},"overall":0.23,"eta":"41s"})",
      JobName(event.job), event.number, event.published % 1'000'000'000, FormatMark(event));
}

std::string EventFrame(const BenchEvent& event) {
  return absl::StrCat("id: k3v9x2mp-", event.number, "\nevent: ", kEventName, "\ndata: ", EventJson(event), "\n\n");
}

std::string HttpChunk(absl::string_view frame) {
  return absl::StrCat(absl::Hex(frame.size()), "\r\n", frame, "\r\n");
}

}  // namespace milepost::bench
