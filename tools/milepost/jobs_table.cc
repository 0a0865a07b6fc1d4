#include "tools/milepost/jobs_table.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "tools/milepost/text.h"

namespace milepost::tool {
namespace {

using std::chrono::seconds;

constexpr size_t kMaxCellColumns = 40;
constexpr size_t kUnlimited = 100000;

constexpr size_t kColumns = 7;
using Row = std::array<std::string, kColumns>;

std::string Since(const google::protobuf::Timestamp& time, WallTime now) {
  return SpanText(std::chrono::duration_cast<seconds>(now - ToTime(time)));
}

Row RowOf(const v1::JobState& job, WallTime now) {
  const auto eta = EtaOf(job, now);
  std::string message = MessageText(job);
  if (const std::string queue = QueueText(job, now); !queue.empty()) absl::StrAppend(&message, message.empty() ? "" : "; ", queue);
  if (message.empty()) message = job.title();
  return {job.job(),
          absl::StrCat(StateText(job), job.attempt() > 1 ? absl::StrCat(" #", job.attempt()) : ""),
          job.has_overall() ? PercentText(job.overall()) : "",
          eta ? SpanText(*eta) : "",
          job.has_create_time() ? Since(job.create_time(), now) : "",
          job.step(),
          message};
}

std::string Line(const Row& row, const std::array<size_t, kColumns>& widths, size_t width) {
  std::string line;
  for (size_t i = 0; i < kColumns; ++i) {
    // The last column takes what is left.
    const std::string cell = CutColumns(row[i], i + 1 < kColumns ? widths[i] : kUnlimited);
    line += cell;
    if (i + 1 < kColumns) line.append(widths[i] - Columns(cell) + 2, ' ');
  }
  return CutColumns(absl::StripTrailingAsciiWhitespace(line), width == kAnyWidth ? kUnlimited : width);
}

std::string DateText(const google::protobuf::Timestamp& time, WallTime now) {
  const std::string date = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromChrono(ToTime(time)), absl::UTCTimeZone());
  const auto passed = std::chrono::duration_cast<seconds>(now - ToTime(time));
  return absl::StrCat(date, passed.count() >= 0 ? absl::StrCat("  ", SpanText(passed), " ago") : absl::StrCat("  in ", SpanText(-passed)));
}

std::string StepText(const v1::StepState& step) {
  std::string text = step.has_title() ? step.title() : step.id();
  if (step.has_parent()) text = absl::StrCat("  ", text);
  if (step.state() != v1::StepState::STATE_UNSPECIFIED) absl::StrAppend(&text, "  ", v1::StepState::State_Name(step.state()));
  if (step.has_fraction()) absl::StrAppend(&text, "  ", PercentText(step.fraction()));
  if (step.has_message()) absl::StrAppend(&text, "  ", step.message());
  return text;
}

// Collects lines "name   value"; what is empty is left out.
class Lines {
 public:
  explicit Lines(size_t width) : width_(width == kAnyWidth ? kUnlimited : width) {}

  void Add(std::string name, const std::string& value) {
    if (value.empty()) return;
    constexpr size_t kNameColumns = 10;
    name.resize(std::max(kNameColumns, name.size() + 1), ' ');
    lines_.push_back(CutColumns(absl::StrCat(name, value), width_));
  }
  std::vector<std::string> Take() { return std::move(lines_); }

 private:
  const size_t width_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> JobTable(const std::vector<v1::JobState>& jobs, WallTime now, size_t width) {
  std::vector<Row> rows = {{"JOB", "STATE", "DONE", "ETA", "AGE", "STEP", "MESSAGE"}};
  for (const v1::JobState& job : jobs) rows.push_back(RowOf(job, now));
  std::array<size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], Columns(row[i]));
  }
  // A name is what other commands take: it is shown whole where there is no terminal to fit.
  for (size_t i = width == kAnyWidth ? 1 : 0; i < kColumns; ++i) widths[i] = std::min(widths[i], kMaxCellColumns);
  std::vector<std::string> lines;
  for (const Row& row : rows) lines.push_back(Line(row, widths, width));
  return lines;
}

std::string CountsText(const v1::JobCounts& counts) {
  if (counts.total() == 0) return "no jobs";
  const auto count = [&](const char* state) {
    const auto found = counts.by_state().find(state);
    return found == counts.by_state().end() ? 0u : found->second;
  };
  std::string text = absl::StrCat(count("COMPLETED"), " of ", counts.total(), " done");
  for (const char* state : {"FAILED", "CANCELLED", "CANCELLING", "STALLED", "RUNNING", "PAUSED", "WAITING", "QUEUED"}) {
    if (count(state) > 0) absl::StrAppend(&text, ", ", count(state), " ", absl::AsciiStrToLower(state));
  }
  return text;
}

std::vector<std::string> JobDetails(const v1::JobState& job, WallTime now, size_t width) {
  Lines lines(width);
  lines.Add("job", job.job());
  lines.Add("title", job.title());
  lines.Add("kind", job.kind());
  lines.Add("state", absl::StrCat(StateText(job), job.has_overall() ? absl::StrCat("  ", PercentText(job.overall())) : ""));
  if (job.attempt() > 1) lines.Add("attempt", absl::StrCat(job.attempt()));
  if (const auto eta = EtaOf(job, now)) {
    lines.Add("eta", absl::StrCat(SpanText(*eta), job.has_eta_p90() ? absl::StrCat(", nine in ten within ", SpanText(Left(job.eta_p90(), job, now))) : ""));
  }
  lines.Add("queue", QueueText(job, now));
  lines.Add("message", job.message());
  lines.Add("stalled", job.stalled_reason());
  if (job.has_error()) lines.Add("error", absl::StrCat(MessageText(job), job.error().retryable() ? " (may be retried)" : ""));
  if (job.warnings() > 0) lines.Add("warnings", absl::StrCat(job.warnings()));
  lines.Add("notice", job.notice().text());
  if (job.has_create_time()) lines.Add("created", DateText(job.create_time(), now));
  if (job.has_start_time()) lines.Add("started", DateText(job.start_time(), now));
  if (job.has_progress_time()) lines.Add("moved", DateText(job.progress_time(), now));
  if (job.has_end_time()) lines.Add("ended", DateText(job.end_time(), now));
  if (job.has_deadline()) lines.Add("deadline", DateText(job.deadline(), now));
  lines.Add("resources", absl::StrJoin(job.resources(), " "));
  for (const auto& [key, value] : job.labels()) lines.Add("label", absl::StrCat(key, "=", value));
  for (const v1::StepState& step : job.steps()) lines.Add(step.id() == job.step() ? "step >" : "step", StepText(step));
  for (const v1::Artifact& artifact : job.artifacts()) lines.Add("artifact", absl::StrCat(artifact.name(), "  ", artifact.uri()));
  for (const std::string& line : job.output_tail()) lines.Add("output", line);
  lines.Add("cursor", job.cursor());
  return lines.Take();
}

}  // namespace milepost::tool
