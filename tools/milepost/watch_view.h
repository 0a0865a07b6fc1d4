// What `milepost watch` knows of jobs, and how it looks as lines of text.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "milepost/v1/event.pb.h"
#include "milepost/v1/job.pb.h"

namespace milepost::tool {

// Jobs that are kept; past it the one that changed longest ago is forgotten.
inline constexpr size_t kMaxWatchedJobs = 500;
// Steps of one job that are kept: as many as a plan may have.
inline constexpr size_t kMaxWatchedSteps = 256;

// How a job stands, as far as watching it goes.
enum class WatchedEnd { kNone, kCompleted, kFailed, kCancelled };

// Folds events and snapshots into a picture. Times are those of the service's log; `now` is given by the caller. Not
// thread-safe.
class WatchView {
 public:
  using Time = std::chrono::system_clock::time_point;

  // `unicode`: bars are drawn with block characters.
  explicit WatchView(bool unicode) : unicode_(unicode) {}

  void Apply(const v1::ProgressEvent& event);
  // Replaces what is known of the job.
  void Apply(const v1::JobState& state);
  // Nothing is known any more.
  void Clear() { jobs_.clear(); }

  // The picture: a line for each job and each of its steps, none wider than `width` columns, at most `height` lines.
  // Jobs that run come last, where a terminal shows them for sure.
  std::vector<std::string> Render(Time now, size_t width, size_t height) const;

  WatchedEnd EndOf(const std::string& job) const;

  // The event as one line for a log, or empty if it changes too little to be told.
  std::string PlainLine(const v1::ProgressEvent& event);

 private:
  struct Step {
    std::string id;
    std::string title;
    double weight = 1;
    std::string state;  // "STARTED", "DONE", …; empty: planned
    std::optional<double> fraction, done;
    std::string unit, message;
    std::optional<Time> begin, end;
    std::optional<Time> plain_time;  // when PlainLine told of it last, and what
    double plain_fraction = 0;
  };
  struct Job {
    std::string title, message, state, line;
    std::optional<double> overall;
    bool planned = false;  // the steps are all there are
    uint32_t attempt = 1;
    std::optional<Time> begin, end;
    std::optional<double> eta_seconds;
    std::vector<Step> steps;
    WatchedEnd ended = WatchedEnd::kNone;
    uint64_t changed = 0;  // of changes_
    uint64_t seq = 0;      // of the last event in it
  };

  Job& JobOf(const std::string& name);
  Step* StepOf(Job& job, const std::string& id);
  void ApplyStatus(const v1::JobStatus& status, Time time, Job& job);
  void ApplyStep(const v1::StepStatus& status, Time time, Job& job);
  void ApplyProgress(const v1::StepProgress& progress, Time time, Job& job);
  void End(WatchedEnd how, std::string state, std::string message, Time time, Job& job);
  std::string JobLine(const std::string& name, const Job& job, Time now, size_t width) const;
  std::string StepLine(const Step& step, Time now, size_t width, size_t name_width) const;
  std::string Bar(double fraction, size_t width) const;

  const bool unicode_;
  std::map<std::string, Job> jobs_;
  uint64_t changes_ = 0;
};

// "0:07", "12:34", "1:02:03"; days count as hours.
std::string ClockText(std::chrono::seconds time);

// Bytes that replace the `before` lines that a terminal shows, the cursor below them, by `lines`. `above` lines scroll up
// for good first.
std::string DrawFrame(size_t before, const std::vector<std::string>& above, const std::vector<std::string>& lines);

}  // namespace milepost::tool
