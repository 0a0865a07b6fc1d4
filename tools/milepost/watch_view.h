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
#include "proto/contract/job_state.h"
#include "tools/milepost/job_text.h"

namespace milepost::tool {

// Jobs that are kept; past it the one that changed longest ago is forgotten.
inline constexpr size_t kMaxWatchedJobs = 500;
// Steps of one job that are kept: as many as a plan may have.
inline constexpr size_t kMaxWatchedSteps = contract::kMaxStateSteps;

// How a job stands, as far as watching it goes.
enum class WatchedEnd { kNone, kCompleted, kFailed, kCancelled };

// Reduces events and snapshots to a picture. Times are those of the service's log; `now` is given by the caller. Not
// thread-safe.
class WatchView {
 public:
  using Time = WallTime;

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

  // The event, which was applied, as one line for a log, or empty if it changes too little to be told.
  std::string PlainLine(const v1::ProgressEvent& event);
  // How a job stands as one line for a log.
  static std::string PlainLine(const v1::JobState& state, Time now);

 private:
  // What the state does not hold of a step.
  struct StepNotes {
    std::optional<Time> begin, end;
    std::optional<double> done;  // without a total
    std::string unit;
    std::optional<Time> plain_time;  // when PlainLine told of it last, and what
    double plain_fraction = 0;
  };
  struct Job {
    v1::JobState state;
    std::map<std::string, StepNotes> steps;  // of the attempt
    std::string cancel_reason;
    bool planned = false;  // the steps are all there are
    uint64_t changed = 0;  // of changes_
    uint64_t seq = 0;      // of the last event in it
  };

  Job& JobOf(const std::string& name);
  static void Note(const v1::ProgressEvent& event, Job& job);
  static StepNotes* NotesOf(const std::string& step, Job& job);
  std::string JobLine(const Job& job, Time now, size_t width) const;
  std::string StepLine(const v1::StepState& step, const Job& job, Time now, size_t width, size_t name_width) const;
  std::string Bar(double fraction, size_t width) const;
  static std::string PlainProgress(const v1::ProgressEvent& event, Job& job);

  const bool unicode_;
  std::map<std::string, Job> jobs_;
  uint64_t changes_ = 0;
};

// Bytes that replace the `before` lines that a terminal shows, the cursor below them, by `lines`. `above` lines scroll up
// for good first.
std::string DrawFrame(size_t before, const std::vector<std::string>& above, const std::vector<std::string>& lines);

}  // namespace milepost::tool
