// How long a job is going to take, from what its kind took and from how fast it goes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "services/jobs/course.h"
#include "services/jobs/kind_model.h"
#include "services/jobs/percent.h"

namespace milepost::jobs {

// Without history, a forecast needs so much of the job done, in at least so much time.
inline constexpr double kLeastLiveDone = 0.05;
inline constexpr int64_t kLeastLiveNanos = 3'000'000'000;
// A job that is to take longer has no ETA: thirty years in nanoseconds.
inline constexpr double kMostNanos = 1e18;
// Between two events without a change of a step, an ETA moves at most by this share of where it stood.
inline constexpr double kMostEtaStep = 0.2;
// What was foreseen has settled if it moves by no more than this share between two events.
inline constexpr double kMostUnsettled = 0.1;
// Quiet for longer than that is stalled, when nothing is known; and the shortest limit.
inline constexpr int64_t kQuietUnknownNanos = 300'000'000'000;
inline constexpr int64_t kLeastQuietNanos = 10'000'000'000;
// A job is quiet when it moved not for so many times its usual longest gap, or its own longest gap.
inline constexpr double kUsualGaps = 4, kOwnGaps = 2;

// Nanoseconds of work to the end of the run, by the history of the kind; absent without history. Sets what is foreseen
// of each step.
std::optional<double> ForecastByHistory(const KindModel& model, const Course& course, TopSteps* tops);
// The same by this run alone; absent until that is meaningful, and while nothing tells how many steps follow, unless one
// is alone.
std::optional<double> ForecastByRate(const TopSteps& tops, const Course& course);

// What the time foreseen for a whole run is to be multiplied with.
struct Correction {
  double median = 1;  // for one that is as likely too short as too long
  double p90 = 0;     // for one that nine in ten keep; 0: unknown
};

// Between the begins of two stretches as far from each as `overall` is.
Correction CorrectionAt(const std::array<Ratios, kStretches>& ratios, double overall);

// True if `raw` lies so far above where the last ETA stands by now that what may be told would be wrong: no half of it, and
// short of it by more than a twentieth of the run, of which `passed` is over. Then there is no ETA until it has settled.
bool OutOfReach(double raw, double expected, double passed);
// True if `raw` is about what was foreseen at the event before, of which `before` is left.
bool Settled(double raw, double before);

// `raw` held near where the last ETA stands by now; absent `expected`: nothing to hold to.
double Damped(double raw, std::optional<double> expected);

// Precision that fits the distance: to the largest of 0.1, 0.2, 0.5, 1, 2, 5, 10 and 30 s, 1, 2, 5, 10 and 30 min and 1 h
// that is at most a twentieth of it; at least 0.1 s.
int64_t RoundedToNearest(double nanos);
int64_t RoundedUp(double nanos);

// Until a job that was queued at `queued_nanos` starts; absent if unknown.
std::optional<double> ForecastStart(const Starts& starts, std::optional<uint32_t> position, int64_t queued_nanos, int64_t now);

// How long the running job may be without movement. `model`: the kind's, or null.
int64_t QuietLimit(const Course& course, const KindModel* model);

}  // namespace milepost::jobs
