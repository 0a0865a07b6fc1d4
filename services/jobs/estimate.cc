#include "services/jobs/estimate.h"

#include <algorithm>

#include "proto/contract/job_state.h"
#include "services/jobs/eta.h"
#include "services/jobs/percent.h"

namespace milepost::jobs {
namespace {

using v1::JobState;

// The calibration takes away at most all but this share of what is left.
constexpr double kLeastOfRest = 0.25;

std::optional<double> Overall(const JobState& state, std::optional<double> done) {
  const std::optional<double> before = state.has_overall() ? std::optional(state.overall()) : std::nullopt;
  if (!done.has_value()) return before;
  return std::max(std::min(*done, kMostBeforeCompleted), before.value_or(0));
}

// What is told next stands by itself.
void ForgetEnd(Course* course) {
  course->eta = -1;
  course->unsettled = 0;
}

// The job ended: what the course is still needed for is another attempt.
void Close(const JobState& state, Course* course) {
  ForgetEnd(course);
  course->quiet_limit = 0;
  if (state.state() != JobState::COMPLETED) return;
  course->steps = {};
  course->newest_step = -1;
}

// `rest`: the forecast by history, if there is one.
void EstimateEnd(std::optional<double> rest, const TopSteps& tops, const KindModel* model, double overall, const Move& move,
                 int64_t nanos, Course* course, Estimate* estimate) {
  const size_t stretch = StretchOf(overall);
  std::optional<double> p90;
  if (rest.has_value()) {
    const auto passed = static_cast<double>(course->work);
    const double total = passed + *rest;
    if (course->foreseen[stretch] == 0) course->foreseen[stretch] = std::max<int64_t>(1, static_cast<int64_t>(total));
    const Correction correction = CorrectionAt(model->ratios, overall);
    if (correction.p90 > 0) p90 = total * correction.p90 - passed;
    rest = std::max(total * correction.median - passed, *rest * kLeastOfRest);
  } else {
    rest = ForecastByRate(tops, *course);
  }
  if (!rest.has_value()) return ForgetEnd(course);
  if (move.step_change) ForgetEnd(course);
  const auto passed_since = static_cast<double>(nanos - course->eta_nanos);
  std::optional<double> expected;
  if (course->eta >= 0) expected = static_cast<double>(course->eta) - passed_since;
  // Only movement tells more than was foreseen before.
  if (course->unsettled > 0 && !move.moved) return;
  if (!move.moved && expected.value_or(0) > 0) {
    estimate->eta_nanos = RoundedToNearest(*expected);
    if (p90.has_value()) estimate->eta_p90_nanos = std::max(*estimate->eta_nanos, RoundedUp(*p90));
    return;
  }
  const bool withdrawn = expected.has_value() && OutOfReach(*rest, *expected, static_cast<double>(course->work));
  if (withdrawn || (course->unsettled > 0 && !Settled(*rest, static_cast<double>(course->unsettled) - passed_since))) {
    course->eta = -1;
    course->unsettled = static_cast<int64_t>(std::max(*rest, 1.0));
    course->eta_nanos = nanos;
    return;
  }
  estimate->eta_nanos = RoundedToNearest(Damped(*rest, expected));
  course->unsettled = 0;
  if (p90.has_value()) estimate->eta_p90_nanos = std::max(*estimate->eta_nanos, RoundedUp(*p90));
  course->eta = *estimate->eta_nanos;
  course->eta_nanos = nanos;
}

}  // namespace

Estimate Kinds::After(const v1::ProgressEvent& event, const JobState& state, uint64_t seq, int64_t nanos, Course* course) {
  Estimate estimate;
  const Move move = Observe(event, state, nanos, course);
  if (move.start_wait.has_value()) {
    kinds_.FindOrAdd(state.kind(), {seq, nanos}).LearnStart(*move.start_wait, nanos);
  }
  if (contract::HasEnded(state.state())) {
    if (state.state() == JobState::COMPLETED) {
      estimate.overall = 1;
      if (event.has_completed() && !event.completed().skipped() && course->work > 0) {
        kinds_.FindOrAdd(state.kind(), {seq, nanos}).Learn(state, *course, course->work);
      }
    } else {
      estimate.overall = Overall(state, std::nullopt);
    }
    Close(state, course);
    return estimate;
  }
  const KindModel* model = kinds_.Peek(state.kind());
  TopSteps tops;
  Weigh(state, *course, model, &tops);
  const std::optional<double> rest = model == nullptr ? std::nullopt : ForecastByHistory(*model, *course, &tops);
  estimate.overall = Overall(state, Done(tops));
  const bool running = state.state() == JobState::RUNNING;
  course->quiet_limit = running ? QuietLimit(*course, model) : 0;
  if (running) {
    EstimateEnd(rest, tops, model, estimate.overall.value_or(0), move, nanos, course, &estimate);
  } else {
    ForgetEnd(course);
  }
  if (state.state() == JobState::QUEUED && model != nullptr) {
    const auto position = state.has_queue_position() ? std::optional(state.queue_position()) : std::nullopt;
    const auto start = ForecastStart(model->starts, position, course->queued_nanos, nanos);
    if (start.has_value()) estimate.start_eta_nanos = RoundedToNearest(*start);
  }
  return estimate;
}

}  // namespace milepost::jobs
