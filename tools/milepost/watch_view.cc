#include "tools/milepost/watch_view.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/milepost/text.h"

namespace milepost::tool {
namespace {

using Time = WatchView::Time;

constexpr size_t kMaxNameColumns = 24;
constexpr size_t kMaxBarColumns = 32;
constexpr double kPlainStep = 0.1;
constexpr std::chrono::seconds kPlainInterval{10};

Time ToTime(const google::protobuf::Timestamp& timestamp) {
  const auto time = std::chrono::seconds(timestamp.seconds()) + std::chrono::nanoseconds(timestamp.nanos());
  return Time(std::chrono::duration_cast<Time::duration>(time));
}

Time TimeOf(const v1::ProgressEvent& event) { return ToTime(event.has_commit_time() ? event.commit_time() : event.time()); }

double Seconds(const google::protobuf::Duration& duration) { return static_cast<double>(duration.seconds()) + duration.nanos() / 1e9; }

std::string Elapsed(std::optional<Time> begin, std::optional<Time> end, Time now) {
  if (!begin) return "";
  return ClockText(std::chrono::duration_cast<std::chrono::seconds>(std::max(Time::duration::zero(), end.value_or(now) - *begin)));
}

std::string PercentText(double fraction) {
  // Never 100 before the end is reached.
  const double percent = std::clamp(fraction, 0.0, 1.0) * 100;
  return absl::StrFormat("%3d%%", static_cast<int>(std::floor(percent + 1e-9)));
}

std::string Pad(std::string text, size_t columns) {
  const size_t have = Columns(text);
  if (have < columns) text.append(columns - have, ' ');
  return text;
}

// Left and right ends of a line; the left one gives way.
std::string Spread(const std::string& left, const std::string& right, size_t width) {
  const size_t right_columns = Columns(right);
  if (right_columns + 2 > width) return CutColumns(left, width);
  return Pad(CutColumns(left, width - right_columns - 2), width - right_columns) + right;
}

bool IsActive(absl::string_view state) { return state == "STARTED"; }

}  // namespace

void WatchView::Apply(const v1::ProgressEvent& event) {
  Job& job = JobOf(event.job());
  if (event.seq() != 0 && event.seq() <= job.seq) return;
  const uint32_t attempt = event.has_attempt() ? event.attempt() : 1;
  if (attempt > job.attempt) {
    Job again{.title = job.title, .attempt = attempt};
    job = std::move(again);
  }
  job.seq = event.seq();
  job.changed = ++changes_;
  const Time time = TimeOf(event);
  if (!job.begin) job.begin = time;
  if (event.has_overall()) job.overall = event.overall();
  job.eta_seconds = event.has_eta() ? std::optional<double>(Seconds(event.eta())) : std::nullopt;
  switch (event.event_case()) {
    case v1::ProgressEvent::kStatus:
      return ApplyStatus(event.status(), time, job);
    case v1::ProgressEvent::kStep:
      return ApplyStep(event.step(), time, job);
    case v1::ProgressEvent::kProgress:
      return ApplyProgress(event.progress(), time, job);
    case v1::ProgressEvent::kNotice:
      job.message = event.notice().text();
      return;
    case v1::ProgressEvent::kOutput:
      if (event.output().has_line()) job.line = event.output().line().text();
      return;
    case v1::ProgressEvent::kCompleted:
      job.overall = 1;
      return End(WatchedEnd::kCompleted, event.completed().skipped() ? "SKIPPED" : "COMPLETED", event.completed().message(), time, job);
    case v1::ProgressEvent::kFailed:
      return End(WatchedEnd::kFailed, "FAILED", absl::StrCat(event.failed().code(), event.failed().has_message() ? ": " : "", event.failed().message()), time, job);
    case v1::ProgressEvent::kCancelled:
      return End(WatchedEnd::kCancelled, "CANCELLED", event.cancelled().reason(), time, job);
    default:
      return;
  }
}

void WatchView::Apply(const v1::JobState& state) {
  Job job;
  job.title = state.title();
  job.message = state.has_error() ? absl::StrCat(state.error().code(), ": ", state.error().message()) : state.message();
  job.state = v1::JobState::State_Name(state.state());
  if (state.has_overall()) job.overall = state.overall();
  if (state.has_eta()) job.eta_seconds = Seconds(state.eta());
  job.attempt = std::max<uint32_t>(1, state.attempt());
  if (state.has_start_time() || state.has_create_time()) job.begin = ToTime(state.has_start_time() ? state.start_time() : state.create_time());
  if (state.has_end_time()) job.end = ToTime(state.end_time());
  if (state.output_tail_size() > 0) job.line = *state.output_tail().rbegin();
  job.ended = state.state() == v1::JobState::COMPLETED   ? WatchedEnd::kCompleted
              : state.state() == v1::JobState::FAILED    ? WatchedEnd::kFailed
              : state.state() == v1::JobState::CANCELLED ? WatchedEnd::kCancelled
                                                         : WatchedEnd::kNone;
  for (const v1::StepState& known : state.steps()) {
    Step* step = StepOf(job, known.id());
    if (step == nullptr) break;
    step->title = known.title();
    if (known.state() != v1::StepState::STATE_UNSPECIFIED) step->state = v1::StepState::State_Name(known.state());
    if (known.has_fraction()) step->fraction = known.fraction();
    step->message = known.message();
  }
  const size_t dash = state.cursor().rfind('-');
  if (dash != std::string::npos) job.seq = std::strtoull(state.cursor().c_str() + dash + 1, nullptr, 10);
  job.changed = ++changes_;
  JobOf(state.job()) = std::move(job);
}

void WatchView::ApplyStatus(const v1::JobStatus& status, Time time, Job& job) {
  if (status.state() != v1::JobStatus::STATE_UNSPECIFIED) {
    if (status.state() == v1::JobStatus::RUNNING && job.state != "RUNNING" && job.state != "PAUSED" && job.state != "WAITING" && job.state != "STALLED") job.begin = time;
    job.state = v1::JobStatus::State_Name(status.state());
  }
  if (status.has_title()) job.title = status.title();
  if (status.has_message()) job.message = status.message();
  if (status.steps().empty()) return;
  std::vector<Step> before = std::move(job.steps);
  job.steps.clear();
  job.planned = true;
  for (const v1::PlannedStep& planned : status.steps()) {
    const auto known = std::find_if(before.begin(), before.end(), [&](const Step& step) { return step.id == planned.id(); });
    Step* step = StepOf(job, planned.id());
    if (step == nullptr) return;
    if (known != before.end()) *step = *known;
    if (planned.has_title()) step->title = planned.title();
    if (planned.has_weight()) step->weight = planned.weight();
  }
}

void WatchView::ApplyStep(const v1::StepStatus& status, Time time, Job& job) {
  Step* step = StepOf(job, status.id());
  if (step == nullptr) return;
  step->state = v1::StepStatus::State_Name(status.state());
  step->message = status.message();
  if (status.state() == v1::StepStatus::STARTED) {
    step->begin = time;
    step->end.reset();
    step->fraction.reset();
    return;
  }
  step->end = time;
  if (status.state() != v1::StepStatus::FAILED) step->fraction = 1;
}

void WatchView::ApplyProgress(const v1::StepProgress& progress, Time time, Job& job) {
  Step* step = StepOf(job, progress.step());
  if (step == nullptr) return;
  if (!step->begin) step->begin = time;
  if (step->state.empty()) step->state = "STARTED";
  if (progress.has_fraction()) {
    step->fraction = progress.fraction();
  } else if (progress.has_done() && progress.has_total() && progress.total() > 0) {
    step->fraction = std::min(1.0, progress.done() / progress.total());
  }
  step->done = progress.has_done() && !progress.has_total() ? std::optional<double>(progress.done()) : std::nullopt;
  step->unit = progress.unit();
  if (progress.has_message()) step->message = progress.message();
}

void WatchView::End(WatchedEnd how, std::string state, std::string message, Time time, Job& job) {
  job.ended = how;
  job.state = std::move(state);
  job.message = std::move(message);
  job.end = time;
  job.eta_seconds.reset();
  if (how == WatchedEnd::kCompleted) job.line.clear();
  for (Step& step : job.steps) {
    if (step.begin && !step.end) step.end = time;
  }
}

WatchView::Job& WatchView::JobOf(const std::string& name) {
  const auto [found, inserted] = jobs_.try_emplace(name);
  if (inserted && jobs_.size() > kMaxWatchedJobs) {
    found->second.changed = ++changes_;
    jobs_.erase(std::min_element(jobs_.begin(), jobs_.end(), [](const auto& a, const auto& b) { return a.second.changed < b.second.changed; }));
  }
  return found->second;
}

WatchView::Step* WatchView::StepOf(Job& job, const std::string& id) {
  for (Step& step : job.steps) {
    if (step.id == id) return &step;
  }
  return job.steps.size() < kMaxWatchedSteps ? &job.steps.emplace_back(Step{.id = id}) : nullptr;
}

WatchedEnd WatchView::EndOf(const std::string& job) const {
  const auto found = jobs_.find(job);
  return found == jobs_.end() ? WatchedEnd::kNone : found->second.ended;
}

std::vector<std::string> WatchView::Render(Time now, size_t width, size_t height) const {
  std::vector<const std::pair<const std::string, Job>*> order;
  for (const auto& entry : jobs_) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    const bool a_ended = a->second.ended != WatchedEnd::kNone, b_ended = b->second.ended != WatchedEnd::kNone;
    return a_ended != b_ended ? a_ended : a->first < b->first;
  });
  std::vector<std::string> lines;
  for (const auto* entry : order) {
    const Job& job = entry->second;
    lines.push_back(JobLine(entry->first, job, now, width));
    size_t name_width = 0;
    for (const Step& step : job.steps) name_width = std::max(name_width, Columns(step.title.empty() ? step.id : step.title));
    name_width = std::min({name_width, kMaxNameColumns, width / 3});
    for (const Step& step : job.steps) lines.push_back(StepLine(step, now, width, name_width));
    if (!job.line.empty()) lines.push_back(CutColumns(absl::StrCat("  > ", job.line), width));
  }
  if (lines.size() > height && height > 0) {
    const size_t left_out = lines.size() - height + 1;
    lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(left_out));
    lines.insert(lines.begin(), CutColumns(absl::StrCat("(", left_out, " lines more)"), width));
  }
  return lines;
}

std::string WatchView::JobLine(const std::string& name, const Job& job, Time now, size_t width) const {
  std::string left = name;
  if (!job.title.empty()) absl::StrAppend(&left, "  ", job.title);
  if (!job.message.empty()) absl::StrAppend(&left, unicode_ ? " · " : " - ", job.message);
  std::string right = job.state;
  if (job.attempt > 1) absl::StrAppend(&right, " #", job.attempt);
  if (job.overall) {
    absl::StrAppend(&right, " ", PercentText(*job.overall));
  } else if (job.planned) {
    // The service does not say: an estimate from the plan, marked as one.
    double done = 0, all = 0;
    for (const Step& step : job.steps) {
      all += step.weight;
      done += step.weight * step.fraction.value_or(0);
    }
    if (all > 0) absl::StrAppend(&right, " ~", absl::StripLeadingAsciiWhitespace(PercentText(done / all)));
  }
  if (const std::string elapsed = Elapsed(job.begin, job.end, now); !elapsed.empty()) absl::StrAppend(&right, "  ", elapsed);
  if (job.eta_seconds) absl::StrAppend(&right, "  eta ", ClockText(std::chrono::seconds(std::llround(*job.eta_seconds))));
  return Spread(left, right, width);
}

std::string WatchView::StepLine(const Step& step, Time now, size_t width, size_t name_width) const {
  const std::string elapsed = Elapsed(step.begin, step.end, now);
  std::string left = absl::StrCat("  ", Pad(CutColumns(step.title.empty() ? step.id : step.title, name_width), name_width), " ");
  const size_t bar = std::min(kMaxBarColumns, width / 4);
  if (step.fraction) {
    absl::StrAppend(&left, Bar(*step.fraction, bar), " ", PercentText(*step.fraction));
  } else {
    const std::string amount = step.done ? absl::StrCat(*step.done, " ", step.unit) : IsActive(step.state) ? "..." : "";
    absl::StrAppend(&left, Pad(CutColumns(amount, bar + 5), bar + 5));
  }
  if (!step.state.empty() && !IsActive(step.state) && step.state != "DONE") absl::StrAppend(&left, " ", step.state);
  if (!step.message.empty()) absl::StrAppend(&left, "  ", step.message);
  return Spread(left, elapsed, width);
}

std::string WatchView::Bar(double fraction, size_t width) const {
  fraction = std::clamp(fraction, 0.0, 1.0);
  std::string bar;
  if (!unicode_) {
    const auto full = static_cast<size_t>(std::floor(fraction * static_cast<double>(width) + 1e-9));
    return std::string(full, '#') + std::string(width - full, '.');
  }
  const char* const kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths = static_cast<size_t>(std::floor(fraction * static_cast<double>(width) * 8 + 1e-9));
  for (size_t i = 0; i < eighths / 8; ++i) bar += "█";
  bar += kEighths[eighths % 8];
  for (size_t have = (eighths + 7) / 8; have < width; ++have) bar += "░";
  return bar;
}

std::string WatchView::PlainLine(const v1::ProgressEvent& event) {
  const auto found = jobs_.find(event.job());
  if (found == jobs_.end()) return "";
  Job& job = found->second;
  const std::string name = event.job();
  switch (event.event_case()) {
    case v1::ProgressEvent::kStatus: {
      const std::string state = event.status().state() != v1::JobStatus::STATE_UNSPECIFIED ? absl::StrCat(" ", job.state) : "";
      return absl::StrCat(name, state, event.status().has_title() ? absl::StrCat(" ", job.title) : "", event.status().has_message() ? absl::StrCat(" ", job.message) : "");
    }
    case v1::ProgressEvent::kStep:
      return absl::StrCat(name, " ", event.step().id(), " ", v1::StepStatus::State_Name(event.step().state()), event.step().has_message() ? " " : "", event.step().message());
    case v1::ProgressEvent::kProgress: {
      Step* step = StepOf(job, event.progress().step());
      if (step == nullptr) return "";
      const Time time = TimeOf(event);
      const double fraction = step->fraction.value_or(0);
      const bool moved = fraction >= step->plain_fraction + kPlainStep || fraction < step->plain_fraction || (fraction >= 1 && step->plain_fraction < 1);
      if (step->plain_time && !moved && time - *step->plain_time < kPlainInterval) return "";
      step->plain_time = time;
      step->plain_fraction = fraction;
      const std::string amount = step->fraction ? absl::StrCat(PercentText(fraction)) : step->done ? absl::StrCat(*step->done, " ", step->unit) : "...";
      return absl::StrCat(name, " ", step->id, " ", amount, step->message.empty() ? "" : "  ", step->message);
    }
    case v1::ProgressEvent::kNotice:
      return absl::StrCat(name, " ", v1::Notice::Severity_Name(event.notice().severity()), " ", event.notice().text());
    case v1::ProgressEvent::kOutput:
      if (event.output().has_line()) return absl::StrCat(name, " > ", event.output().line().text());
      return event.output().has_artifact() ? absl::StrCat(name, " artifact ", event.output().artifact().name(), " ", event.output().artifact().uri()) : "";
    case v1::ProgressEvent::kCompleted:
    case v1::ProgressEvent::kFailed:
    case v1::ProgressEvent::kCancelled:
      return absl::StrCat(name, " ", job.state, job.message.empty() ? "" : "  ", job.message);
    default:
      return "";
  }
}

std::string ClockText(std::chrono::seconds time) {
  const int64_t seconds = std::max<int64_t>(0, time.count());
  if (seconds < 3600) return absl::StrFormat("%d:%02d", seconds / 60, seconds % 60);
  return absl::StrFormat("%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

// The new text is written over the old one and only its leftovers are erased, in one write: nothing flickers.
std::string DrawFrame(size_t before, const std::vector<std::string>& above, const std::vector<std::string>& lines) {
  std::string bytes;
  if (before > 0) absl::StrAppend(&bytes, "\r\x1b[", before, "A");
  for (const std::string& line : above) absl::StrAppend(&bytes, line, "\x1b[K\n");
  for (const std::string& line : lines) absl::StrAppend(&bytes, line, "\x1b[K\n");
  if (before > above.size() + lines.size()) bytes += "\x1b[J";
  return bytes;
}

}  // namespace milepost::tool
