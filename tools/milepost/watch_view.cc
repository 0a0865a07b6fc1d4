#include "tools/milepost/watch_view.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "tools/milepost/request_watch.h"
#include "tools/milepost/text.h"

namespace milepost::tool {
namespace {

using Time = WatchView::Time;

constexpr size_t kMaxNameColumns = 24;
constexpr size_t kMaxBarColumns = 32;
constexpr double kPlainStep = 0.1;
constexpr std::chrono::seconds kPlainInterval{10};

Time TimeOf(const v1::ProgressEvent& event) { return ToTime(event.has_commit_time() ? event.commit_time() : event.time()); }

std::string Elapsed(std::optional<Time> begin, std::optional<Time> end, Time now) {
  if (!begin) return "";
  return ClockText(std::chrono::duration_cast<std::chrono::seconds>(std::max(Time::duration::zero(), end.value_or(now) - *begin)));
}

// So wide that bars stay where they are.
std::string PaddedPercent(double fraction) {
  const std::string text = PercentText(fraction);
  return std::string(text.size() < 4 ? 4 - text.size() : 0, ' ') + text;
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

std::optional<Time> BeginOf(const v1::JobState& state) {
  if (state.has_start_time()) return ToTime(state.start_time());
  return state.has_create_time() ? std::optional<Time>(ToTime(state.create_time())) : std::nullopt;
}

std::optional<Time> EndTimeOf(const v1::JobState& state) {
  return contract::HasEnded(state.state()) && state.has_end_time() ? std::optional<Time>(ToTime(state.end_time())) : std::nullopt;
}

const v1::StepState* FindStep(const v1::JobState& state, const std::string& id) {
  const auto found = std::find_if(state.steps().begin(), state.steps().end(), [&](const auto& step) { return step.id() == id; });
  return found == state.steps().end() ? nullptr : &*found;
}

// An estimate from the plan, for a service that does not say.
std::optional<double> PlannedShare(const v1::JobState& state) {
  double done = 0, all = 0;
  for (const v1::StepState& step : state.steps()) {
    const double weight = step.has_weight() ? step.weight() : 1;
    all += weight;
    done += weight * step.fraction();
  }
  return all > 0 ? std::optional<double>(done / all) : std::nullopt;
}

// The steps tell their own messages.
std::string OwnMessage(const v1::JobState& state) {
  if (state.has_error() || state.has_stalled_reason()) return state.has_error() ? MessageText(state) : "";
  for (const v1::StepState& step : state.steps()) {
    if (step.has_message() && step.message() == state.message()) return "";
  }
  return state.message();
}

}  // namespace

void WatchView::Apply(const v1::ProgressEvent& event) {
  Job& job = JobOf(event.job());
  if (event.seq() != 0 && event.seq() <= job.seq) return;
  job.seq = event.seq();
  job.changed = ++changes_;
  if (contract::AttemptOf(event) > job.state.attempt()) {
    job.steps.clear();
    job.cancel_reason.clear();
  }
  contract::Reduce(event, &job.state);
  Note(event, job);
}

void WatchView::Note(const v1::ProgressEvent& event, Job& job) {
  const Time time = TimeOf(event);
  if (!event.status().steps().empty()) job.planned = true;
  if (event.has_cancelled()) job.cancel_reason = event.cancelled().reason();
  if (event.has_step()) {
    StepNotes* notes = NotesOf(event.step().id(), job);
    if (notes == nullptr) return;
    const bool started = event.step().state() == v1::StepStatus::STARTED;
    if (started) notes->begin = time;
    notes->end = started ? std::nullopt : std::optional<Time>(time);
  } else if (event.has_progress()) {
    const v1::StepProgress& progress = event.progress();
    StepNotes* notes = NotesOf(progress.step(), job);
    if (notes == nullptr) return;
    if (!notes->begin) notes->begin = time;
    notes->done = progress.has_done() && !progress.has_total() ? std::optional<double>(progress.done()) : std::nullopt;
    notes->unit = progress.unit();
  } else if (contract::HasEnded(job.state.state())) {
    for (auto& [id, notes] : job.steps) {
      if (notes.begin && !notes.end) notes.end = time;
    }
  }
}

void WatchView::Apply(const v1::JobState& state) {
  Job job;
  job.state = state;
  if (state.state() == v1::JobState::CANCELLED) job.cancel_reason = state.message();
  const size_t dash = state.cursor().rfind('-');
  if (dash != std::string::npos) job.seq = std::strtoull(state.cursor().c_str() + dash + 1, nullptr, 10);
  Job& known = JobOf(state.job());
  // When a step began stays known over a reconnect.
  if (known.state.attempt() == state.attempt()) job.steps = std::move(known.steps);
  job.changed = ++changes_;
  known = std::move(job);
}

// Null: there are as many as are kept.
WatchView::StepNotes* WatchView::NotesOf(const std::string& step, Job& job) {
  const auto found = job.steps.find(step);
  if (found != job.steps.end()) return &found->second;
  return job.steps.size() < kMaxWatchedSteps ? &job.steps[step] : nullptr;
}

WatchView::Job& WatchView::JobOf(const std::string& name) {
  const auto [found, inserted] = jobs_.try_emplace(name);
  if (inserted && jobs_.size() > kMaxWatchedJobs) {
    found->second.changed = ++changes_;
    jobs_.erase(std::min_element(jobs_.begin(), jobs_.end(), [](const auto& a, const auto& b) { return a.second.changed < b.second.changed; }));
  }
  return found->second;
}

WatchedEnd WatchView::EndOf(const std::string& job) const {
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return WatchedEnd::kNone;
  switch (found->second.state.state()) {
    case v1::JobState::COMPLETED:
      return WatchedEnd::kCompleted;
    case v1::JobState::FAILED:
      return WatchedEnd::kFailed;
    case v1::JobState::CANCELLED:
      return WatchedEnd::kCancelled;
    default:
      return WatchedEnd::kNone;
  }
}

std::vector<std::string> WatchView::Render(Time now, size_t width, size_t height) const {
  std::vector<const Job*> order;
  for (const auto& [name, job] : jobs_) order.push_back(&job);
  std::stable_sort(order.begin(), order.end(), [](const Job* a, const Job* b) {
    return contract::HasEnded(a->state.state()) && !contract::HasEnded(b->state.state());
  });
  std::vector<std::string> lines;
  for (const Job* job : order) {
    const v1::JobState& state = job->state;
    lines.push_back(JobLine(*job, now, width));
    if (state.has_stalled_reason()) lines.push_back(CutColumns(absl::StrCat("  ! ", state.stalled_reason()), width));
    size_t name_width = 0;
    for (const v1::StepState& step : state.steps()) name_width = std::max(name_width, Columns(step.has_title() ? step.title() : step.id()));
    name_width = std::min({name_width, kMaxNameColumns, width / 3});
    for (const v1::StepState& step : state.steps()) lines.push_back(StepLine(step, *job, now, width, name_width));
    if (state.output_tail_size() > 0 && state.state() != v1::JobState::COMPLETED) {
      lines.push_back(CutColumns(absl::StrCat("  > ", *state.output_tail().rbegin()), width));
    }
  }
  if (lines.size() > height && height > 0) {
    const size_t left_out = lines.size() - height + 1;
    lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(left_out));
    lines.insert(lines.begin(), CutColumns(absl::StrCat("(", left_out, " lines more)"), width));
  }
  return lines;
}

std::string WatchView::JobLine(const Job& job, Time now, size_t width) const {
  const v1::JobState& state = job.state;
  std::string left = state.job();
  if (!state.title().empty()) absl::StrAppend(&left, "  ", state.title());
  for (const std::string& text : {state.state() == v1::JobState::CANCELLED ? job.cancel_reason : OwnMessage(state), QueueText(state, now)}) {
    if (!text.empty()) absl::StrAppend(&left, unicode_ ? " · " : " - ", text);
  }
  std::string right = StateText(state);
  if (state.attempt() > 1) absl::StrAppend(&right, " #", state.attempt());
  if (state.has_overall()) {
    absl::StrAppend(&right, " ", PaddedPercent(state.overall()));
  } else if (job.planned) {
    if (const auto share = PlannedShare(state)) absl::StrAppend(&right, " ~", PercentText(*share));
  }
  if (const std::string elapsed = Elapsed(BeginOf(state), EndTimeOf(state), now); !elapsed.empty()) absl::StrAppend(&right, "  ", elapsed);
  if (const auto eta = EtaOf(state, now)) absl::StrAppend(&right, "  eta ", ClockText(*eta));
  return Spread(left, right, width);
}

std::string WatchView::StepLine(const v1::StepState& step, const Job& job, Time now, size_t width, size_t name_width) const {
  const auto found = job.steps.find(step.id());
  const StepNotes notes = found == job.steps.end() ? StepNotes() : found->second;
  const std::string elapsed = Elapsed(notes.begin, notes.end, now);
  std::string left = absl::StrCat("  ", Pad(CutColumns(step.has_title() ? step.title() : step.id(), name_width), name_width), " ");
  const size_t bar = std::min(kMaxBarColumns, width / 4);
  const bool active = step.state() == v1::StepState::STARTED;
  if (step.has_fraction()) {
    absl::StrAppend(&left, Bar(step.fraction(), bar), " ", PaddedPercent(step.fraction()));
  } else {
    const std::string amount = notes.done ? absl::StrCat(*notes.done, " ", notes.unit) : active ? "..." : "";
    absl::StrAppend(&left, Pad(CutColumns(amount, bar + 5), bar + 5));
  }
  const bool plain = active || step.state() == v1::StepState::DONE || step.state() == v1::StepState::STATE_UNSPECIFIED;
  if (!plain) absl::StrAppend(&left, " ", v1::StepState::State_Name(step.state()));
  if (!step.message().empty()) absl::StrAppend(&left, "  ", step.message());
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
  const std::string name = event.job();
  const auto words = [](auto... texts) {
    std::string line;
    for (const absl::string_view text : {absl::string_view(texts)...}) {
      if (!text.empty()) absl::StrAppend(&line, line.empty() ? "" : " ", text);
    }
    return line;
  };
  switch (event.event_case()) {
    case v1::ProgressEvent::kStatus: {
      const v1::JobStatus& status = event.status();
      const bool says = status.state() != v1::JobStatus::STATE_UNSPECIFIED;
      return words(name, says ? v1::JobStatus::State_Name(status.state()) : "", status.title(), status.message());
    }
    case v1::ProgressEvent::kStep:
      return words(name, event.step().id(), v1::StepStatus::State_Name(event.step().state()), event.step().message());
    case v1::ProgressEvent::kProgress:
      return PlainProgress(event, found->second);
    case v1::ProgressEvent::kNotice:
      return words(name, v1::Notice::Severity_Name(event.notice().severity()), event.notice().text());
    case v1::ProgressEvent::kOutput:
      if (event.output().has_line()) return absl::StrCat(name, " > ", event.output().line().text());
      return event.output().has_artifact() ? words(name, "artifact", event.output().artifact().name(), event.output().artifact().uri()) : "";
    case v1::ProgressEvent::kCompleted:
      return words(name, event.completed().skipped() ? "SKIPPED" : "COMPLETED", event.completed().message());
    case v1::ProgressEvent::kFailed:
      return words(name, "FAILED", event.failed().code() + (event.failed().has_message() ? ":" : ""), event.failed().message());
    case v1::ProgressEvent::kCancelled:
      return words(name, "CANCELLED", event.cancelled().reason());
    case v1::ProgressEvent::kControl:
      return absl::StrCat(name, " ", ControlText(event.control()));
    default:
      return "";
  }
}

std::string WatchView::PlainLine(const v1::JobState& state, Time now) {
  std::string line = absl::StrCat(state.job(), " ", StateText(state));
  if (state.has_overall()) absl::StrAppend(&line, " ", PercentText(state.overall()));
  if (const auto eta = EtaOf(state, now)) absl::StrAppend(&line, " eta ", ClockText(*eta));
  for (const std::string& text : {state.title(), state.step(), MessageText(state), QueueText(state, now)}) {
    if (!text.empty()) absl::StrAppend(&line, "  ", text);
  }
  return line;
}

std::string WatchView::PlainProgress(const v1::ProgressEvent& event, Job& job) {
  const std::string& id = event.progress().step();
  const v1::StepState* step = FindStep(job.state, id);
  StepNotes* notes = NotesOf(id, job);
  if (step == nullptr || notes == nullptr) return "";
  const Time time = TimeOf(event);
  const double fraction = step->fraction();
  const bool moved = fraction >= notes->plain_fraction + kPlainStep || fraction < notes->plain_fraction || (fraction >= 1 && notes->plain_fraction < 1);
  if (notes->plain_time && !moved && time - *notes->plain_time < kPlainInterval) return "";
  notes->plain_time = time;
  notes->plain_fraction = fraction;
  const std::string amount = step->has_fraction() ? PaddedPercent(fraction) : notes->done ? absl::StrCat(*notes->done, " ", notes->unit) : "...";
  const std::string overall = job.state.has_overall() ? absl::StrCat("  (job ", PercentText(job.state.overall()), ")") : "";
  return absl::StrCat(event.job(), " ", id, " ", amount, step->message().empty() ? "" : "  ", step->message(), overall);
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
