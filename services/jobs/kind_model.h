// KindModel: what finished runs of one kind of job have taught.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "milepost/v1/job.pb.h"
#include "services/jobs/course.h"

namespace milepost::jobs {

// Steps of a kind that are remembered; past it the one that takes least, the runs without it counted, is forgotten.
inline constexpr size_t kMaxKindSteps = 64;
// Finished runs that the calibration remembers.
inline constexpr size_t kMaxRatios = 32;
// A new run counts at least so much in every mean, so that recent runs count more.
inline constexpr double kLeastNewShare = 0.2;
// A single run counts as at most so many times the mean, once there are kSettledRuns: one odd run moves little.
inline constexpr double kMostOfMean = 4;
inline constexpr uint32_t kSettledRuns = 3;
// The p90 needs so many finished runs that had been foreseen; the first one never is.
inline constexpr size_t kRatiosForP90 = 4;
// How much of the time the p90 is to be kept; how fast its quantile follows what was kept; and where that quantile stays.
inline constexpr double kKept = 0.9, kLevelGain = 0.1, kLeastLevel = 0.7, kMostLevel = 0.98;
// A step that was found in a share of the runs at least this large, though no plan named it, is expected again.
inline constexpr double kUsualShare = 0.5;

// A mean in which recent values count more. Durations in nanoseconds.
struct RecentMean {
  double mean = 0;
  uint32_t count = 0;
  // `value` is 0 or more.
  void Add(double value);
};

struct StepModel {
  uint64_t id = 0;          // fingerprint
  RecentMean duration;      // of a whole step, from its begin to its end
  RecentMean longest_gap;   // of a run, without movement
  double seen = 0;          // share of recent runs that had it
  double discovered = 0;    // share of recent runs that had it though no plan named it
  bool part = false;        // it is a part of another step
};

// How long runs took in truth, by how long they were foreseen to take when a stretch of them began: actual / foreseen.
struct Ratios {
  std::vector<float> newest;  // oldest first, at most kMaxRatios
  // Of `newest`, kept ready: what makes of a foreseen time a median, and one that nine in ten keep (0: unknown).
  double median = 1, p90 = 0;
  void Add(double ratio);
  // `level`: the share of runs that are to keep `p90`.
  void Settle(double level);
};

// How fast queued jobs of the kind are started.
struct Starts {
  RecentMean interval;     // between starts while the later job was already waiting
  RecentMean wait;         // in the queue
  int64_t last_nanos = 0;  // commit time of the newest start; 0: none
};

// Not thread-safe.
struct KindModel {
  // The model of a step, or null.
  const StepModel* Find(uint64_t id) const;

  // A completed run that took `total` nanoseconds of work.
  void Learn(const v1::JobState& state, const Course& course, int64_t total);
  // A job left the queue at `nanos`, after `wait`.
  void LearnStart(int64_t wait, int64_t nanos);

  RecentMean total;            // of a whole run
  RecentMean tail;             // from the end of the last step to the end of the run
  RecentMean longest_gap;      // of a run, whatever the step
  std::vector<StepModel> steps;
  std::array<Ratios, kStretches> ratios;
  double level = kKept;        // the quantile that is taken so that kKept of the time the p90 is kept
  Starts starts;

 private:
  // Null if the step takes too little to be remembered. `share` is the new run's.
  void Calibrate(const Course& course, int64_t total_work);
  StepModel* FindOrAdd(uint64_t id, double duration, double share);
};

}  // namespace milepost::jobs
