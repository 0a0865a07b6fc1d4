// Course: what is known of one attempt's way beside its JobState; the estimates are made of both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "milepost/v1/event.pb.h"
#include "milepost/v1/job.pb.h"

namespace milepost::jobs {

// Stretches of a run that are calibrated by themselves: tenths of the percent, the last one in three.
inline constexpr std::array<double, 12> kStretchBegins = {0, .1, .2, .3, .4, .5, .6, .7, .8, .9, .95, .98};
inline constexpr size_t kStretches = kStretchBegins.size();

// The stretch that a fraction of 0 to 1 lies in.
size_t StretchOf(double overall);

// A step's id as the estimates know it. Two ids that meet in it would only share an estimate.
uint64_t StepFingerprint(absl::string_view id);

// One step's way. Times are on the course's work clock; -1: not yet.
struct StepCourse {
  uint64_t id = 0;        // fingerprint
  int64_t begun = -1;     // STARTED, or the first report, of this round
  int64_t first = -1;     // the first report of a fraction
  int64_t moved = -1;     // the newest report, or the end
  int64_t ended = -1;     // DONE, SKIPPED, CACHED or FAILED
  int64_t spent = 0;      // in earlier rounds, if it was started again
  int64_t longest_gap = 0;  // without any movement of the job while this was its newest step
  float from = 0;         // the fraction of the first report
  int16_t parent = -1;    // place of the step that this is a part of; -1: none
  bool planned = false;   // a plan named it
};

// How much of a step was done in the time that it took, 0 to 1: its fraction without what was there when it began.
// `fraction` is what is done now; `usual` the nanoseconds that the step usually takes, 0 if unknown.
double OwnWork(const StepCourse& step, double fraction, double usual = 0);

// Small, copyable. Not thread-safe.
struct Course {
  // How long a job may go without movement (a report or a change of a step) before it counts as stalled; 0: for ever.
  int64_t quiet_limit_nanos() const { return quiet_limit; }

  uint32_t attempt = 0;
  bool working = false;         // the work clock runs: not while QUEUED, WAITING or PAUSED, nor after the end
  bool planned = false;         // a plan is known
  int64_t last_nanos = 0;       // commit time of the newest event
  int64_t work = 0;             // nanoseconds of work so far
  int64_t moved = -1;           // work clock at the newest movement; -1: none
  int16_t newest_step = -1;     // place of the step that moved last
  int64_t queued_nanos = 0;     // commit time at which it was QUEUED; 0: it was not, or has been started
  int64_t placed_nanos = 0;     // commit time at which its place in the queue was told; 0: it was not, or it left the queue
  int64_t quiet_limit = 0;
  int64_t eta = -1;             // as said with the newest event; -1: none
  int64_t unsettled = 0;        // what was foreseen at the newest event, too uncertain to be said; 0: none
  int64_t eta_nanos = 0;        // commit time of that
  std::vector<StepCourse> steps;  // steps[i] is that of JobState.steps[i]
  // How long the whole run was foreseen to take when a stretch of it began, before calibration. 0: not foreseen, or
  // before it was known that something need not be done.
  std::array<int64_t, kStretches> foreseen{};
};

// What an event did to the course.
struct Move {
  bool step_change = false;     // a step began or ended, or the plan changed
  bool moved = false;           // a report, or a change of a step
  std::optional<int64_t> start_wait;  // the attempt left the queue, after so many nanoseconds
};

// Takes an event in. `state` is the job's after the event, of the course's attempt.
Move Observe(const v1::ProgressEvent& event, const v1::JobState& state, int64_t nanos, Course* course);

// The course as bytes (views.proto), and back. DATA_LOSS if it cannot be read.
std::string SaveCourse(const Course& course);
absl::StatusOr<Course> LoadCourse(absl::string_view bytes);

}  // namespace milepost::jobs
