#include "services/jobs/eta.h"

#include <algorithm>
#include <cmath>

namespace milepost::jobs {
namespace {

using v1::StepState;

// How much a run's own size must show before it counts for more than the kind's: a share of the whole run.
constexpr double kSizePrior = 0.05;
// The same for the speed of a step.
constexpr double kRatePrior = 0.05;
// A step without fractions is never nearer to its end than this, as a share of its usual duration.
constexpr double kUnmeasuredRest = 0.2;
// A step of which less than this falls into the run tells nothing about the whole step.
constexpr double kLeastOwnShare = 0.2;

// How large this run is beside a usual one, by what was done so far.
struct Size {
  double usual = 0, actual = 0, whole = 0;  // nanoseconds

  void Add(const TopStep& step, int64_t now) {
    const double duration = step.duration;
    whole += duration;
    const StepCourse& way = *step.course;
    if (way.begun < 0) return;
    if (step.state == StepState::DONE && way.ended >= 0) {
      usual += duration * step.own;
      actual += static_cast<double>(way.ended - way.begun + way.spent);
    } else if (step.state == StepState::STARTED || step.state == StepState::STATE_UNSPECIFIED) {
      const auto elapsed = static_cast<double>(now - way.begun);
      if (step.measured && way.moved >= 0) {
        usual += duration * step.own;
        actual += static_cast<double>(way.moved - way.begun);
      } else if (elapsed > duration) {
        usual += duration;
        actual += elapsed;
      }
    }
  }
  double Factor() const { return whole <= 0 ? 1 : (actual + kSizePrior * whole) / (usual + kSizePrior * whole); }
};

// What is left of a step that usually takes `duration` in a run of this size.
double Rest(const TopStep& step, double duration, int64_t now) {
  if (step.state == StepState::DONE || step.state == StepState::FAILED) return 0;
  const StepCourse& way = *step.course;
  if (way.begun < 0) return duration * (1 - step.fraction);
  if (!step.measured || way.moved < 0) {
    const auto elapsed = static_cast<double>(now - way.begun);
    const double least = kUnmeasuredRest * duration;
    if (elapsed < duration - least) return duration - elapsed;
    return least * (duration - least) / std::max(elapsed, 1.0);
  }
  const double by_kind = duration * (1 - step.fraction);
  const auto took = static_cast<double>(way.moved - way.begun), since = static_cast<double>(now - way.moved);
  double rest = by_kind;
  if (step.own > 0) {
    const double share = step.own / (step.own + kRatePrior);
    rest = (1 - share) * by_kind + share * (1 - step.fraction) * took / step.own;
  }
  return std::max(rest - since, rest / 10);
}

// What a whole step takes in this run, with what is left of it.
double Whole(const TopStep& step, double duration, double left) {
  const StepCourse& way = *step.course;
  if (way.begun < 0 || step.state == StepState::FAILED) return duration;
  const bool ended = step.state == StepState::DONE && way.ended >= 0;
  if (!ended && (!step.measured || way.moved < 0)) return duration;
  const double own = step.own + 1 - step.fraction;  // the share of the step that falls into this run
  if (own < kLeastOwnShare) return duration;
  return (static_cast<double>((ended ? way.ended : way.moved) - way.begun + way.spent) + left) / own;
}

// None of the steps is known to the kind, only how long its runs take.
double ForecastByTotal(const KindModel& model, const Course& course, const TopSteps& tops) {
  // Steps of which nobody knows how many follow tell nothing of the whole.
  const bool told = !tops.open || tops.lone;
  const double total = model.total.mean, done = told ? Done(tops).value_or(0) : 0;
  const auto elapsed = static_cast<double>(course.work);
  if (done <= 0) return std::max(total - elapsed, kUnmeasuredRest * total * total / std::max(total, elapsed));
  const double share = done / (done + kRatePrior);
  return (1 - done) * ((1 - share) * total + share * elapsed / done);
}

constexpr double kSecond = 1e9;
constexpr double kGrains[] = {0.1 * kSecond, 0.2 * kSecond, 0.5 * kSecond, 1 * kSecond,   2 * kSecond,   5 * kSecond,   10 * kSecond,
                              30 * kSecond,  60 * kSecond,  120 * kSecond, 300 * kSecond, 600 * kSecond, 1800 * kSecond, 3600 * kSecond};

double GrainFor(double nanos) {
  double fitting = kGrains[0];
  for (const double grain : kGrains) {
    if (grain <= nanos / 20) fitting = grain;
  }
  return fitting;
}

int64_t AsNanos(double nanos) { return static_cast<int64_t>(std::clamp(nanos, kGrains[0], kMostNanos)); }

// Weights may be so large that their sums are not finite.
std::optional<double> IfSane(double nanos) { return std::isfinite(nanos) && nanos < kMostNanos ? std::optional(nanos) : std::nullopt; }

}  // namespace

std::optional<double> ForecastByHistory(const KindModel& model, const Course& course, TopSteps* tops) {
  if (model.total.count == 0) return std::nullopt;
  double learned = 0, learned_weight = 0;
  for (size_t i = 0; i < tops->size; ++i) {
    if (tops->steps[i].duration <= 0) continue;
    learned += tops->steps[i].duration;
    learned_weight += tops->steps[i].weight;
  }
  if (learned <= 0 && tops->further_duration <= 0) return ForecastByTotal(model, course, *tops);
  Size size;
  for (size_t i = 0; i < tops->size; ++i) {
    TopStep& step = tops->steps[i];
    // A step that was never timed takes what its weight is worth among those that were.
    if (step.duration <= 0 && learned_weight > 0) step.duration = step.weight * learned / learned_weight;
    size.Add(step, course.work);
  }
  size.whole += tops->further_duration;
  const double factor = size.Factor();
  tops->further_whole = factor * tops->further_duration + model.tail.mean;
  double rest = tops->further_whole;
  for (size_t i = 0; i < tops->size; ++i) {
    TopStep& step = tops->steps[i];
    const double left = Rest(step, factor * step.duration, course.work);
    step.whole = Whole(step, factor * step.duration, left);
    rest += left;
  }
  tops->foreseen = std::isfinite(rest);
  return IfSane(rest);
}

std::optional<double> ForecastByRate(const TopSteps& tops, const Course& course) {
  if (tops.open && !tops.lone) return std::nullopt;
  double weight = 0, own = 0, left = 0;
  for (size_t i = 0; i < tops.size; ++i) {
    weight += tops.steps[i].weight;
    own += tops.steps[i].weight * tops.steps[i].own;
    left += tops.steps[i].weight * (1 - tops.steps[i].fraction);
  }
  if (!(own / weight >= kLeastLiveDone) || course.moved < kLeastLiveNanos) return std::nullopt;
  const double rest = left / own * static_cast<double>(course.moved);
  return IfSane(std::max(rest - static_cast<double>(course.work - course.moved), rest / 10));
}

Correction CorrectionAt(const std::array<Ratios, kStretches>& ratios, double overall) {
  const size_t low = StretchOf(overall), high = std::min(low + 1, kStretches - 1);
  const double span = kStretchBegins[high] - kStretchBegins[low];
  const double part = span > 0 ? (overall - kStretchBegins[low]) / span : 0;
  Correction correction{std::lerp(ratios[low].median, ratios[high].median, part)};
  if (ratios[low].p90 > 0 && ratios[high].p90 > 0) {
    correction.p90 = std::lerp(ratios[low].p90, ratios[high].p90, part);
  } else {
    correction.p90 = std::max(ratios[low].p90, ratios[high].p90);
  }
  return correction;
}

bool OutOfReach(double raw, double expected, double passed) {
  const double most = std::max(expected, 0.0) * (1 + kMostEtaStep);
  return most < raw / 2 && raw - most > (passed + raw) / 20;
}

bool Settled(double raw, double before) { return before > 0 && std::abs(raw - before) <= kMostUnsettled * before; }

double Damped(double raw, std::optional<double> expected) {
  if (!expected.has_value() || *expected <= 0) return raw;
  return std::clamp(raw, *expected * (1 - kMostEtaStep), *expected * (1 + kMostEtaStep));
}

int64_t RoundedToNearest(double nanos) {
  const double grain = GrainFor(nanos);
  return AsNanos(std::round(nanos / grain) * grain);
}

int64_t RoundedUp(double nanos) {
  const double grain = GrainFor(nanos);
  return AsNanos(std::ceil(nanos / grain) * grain);
}

std::optional<double> ForecastStart(const Starts& starts, std::optional<uint32_t> position, int64_t queued_nanos, int64_t now) {
  if (position.has_value() && starts.interval.count >= kSettledRuns) {
    const auto since = static_cast<double>(now - starts.last_nanos);
    const double interval = starts.interval.mean;
    // Nothing has started for long: what was usual no longer tells anything.
    if (since > kMostOfMean * interval) return std::nullopt;
    return interval * *position + std::max(interval - since, interval / 4);
  }
  if (starts.wait.count < kSettledRuns || position.value_or(0) > 0) return std::nullopt;
  const double left = starts.wait.mean - static_cast<double>(now - queued_nanos);
  return left > 0 ? std::optional<double>(left) : std::nullopt;
}

int64_t QuietLimit(const Course& course, const KindModel* model) {
  if (model == nullptr || model->total.count < kSettledRuns) return kQuietUnknownNanos;
  double usual = model->longest_gap.mean, own = 0;
  if (course.newest_step >= 0) {
    const StepCourse& step = course.steps[course.newest_step];
    own = static_cast<double>(step.longest_gap);
    if (const StepModel* known = model->Find(step.id); known != nullptr && known->longest_gap.count > 0) {
      usual = known->longest_gap.mean;
    }
  }
  const double limit = std::max(kUsualGaps * usual, kOwnGaps * own);
  return std::max(kLeastQuietNanos, static_cast<int64_t>(std::min(limit, 1e18)));
}

}  // namespace milepost::jobs
