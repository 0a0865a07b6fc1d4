#include "services/jobs/kind_model.h"

#include <algorithm>
#include <cmath>

namespace milepost::jobs {
namespace {

using v1::StepState;

// A step of which less than this was done in its time tells nothing about the whole.
constexpr double kLeastOwnWork = 0.5;
// Ratios beyond these are no forecast's fault.
constexpr double kLeastRatio = 1.0 / 16, kMostRatio = 16;

double Capped(double value, const RecentMean& usual) {
  return usual.count < kSettledRuns ? value : std::min(value, usual.mean * kMostOfMean);
}

bool Taken(const StepState& step) { return step.state() == StepState::DONE || step.state() == StepState::STARTED; }

// When a step ended. One that was never ended lasted until the end if it moved last, else until its newest report.
int64_t EndOf(const StepCourse& step, bool newest, int64_t total) {
  if (step.ended >= 0) return step.ended;
  return newest || step.moved < 0 ? total : step.moved;
}

struct Span {
  int64_t begun = -1, ended = -1;
};

// Value at a place of 0 to size-1 between sorted values.
double Between(const std::vector<float>& sorted, double place) {
  const auto low = static_cast<size_t>(place);
  if (low + 1 >= sorted.size()) return sorted.back();
  return sorted[low] + (place - static_cast<double>(low)) * (sorted[low + 1] - sorted[low]);
}

}  // namespace

void RecentMean::Add(double value) {
  ++count;
  mean += (value - mean) * std::max(kLeastNewShare, 1.0 / count);
}

void Ratios::Add(double ratio) {
  if (newest.size() >= kMaxRatios) newest.erase(newest.begin());
  newest.push_back(static_cast<float>(std::clamp(ratio, kLeastRatio, kMostRatio)));
}

void Ratios::Settle(double level) {
  median = 1;
  p90 = 0;
  if (newest.empty()) return;
  std::vector<float> sorted = newest;
  std::sort(sorted.begin(), sorted.end());
  const auto n = static_cast<double>(sorted.size());
  const double middle = Between(sorted, (n - 1) / 2);
  // Few runs say little: their median counts as if two runs more had met the forecast.
  median = std::pow(middle, n / (n + 2));
  if (sorted.size() < kRatiosForP90) return;
  // The next run is as likely to lie in any of the n+1 gaps between the sorted ones. The level may reach past the
  // largest: then as far past it as it lies from the median, for as much of half the runs as is missing.
  const double place = level * (n + 1) - 1;
  if (place <= n - 1) {
    p90 = Between(sorted, place);
  } else {
    const double largest = sorted.back();
    p90 = largest * std::pow(std::max(1.05, largest / middle), (place - (n - 1)) / (n / 2));
  }
  p90 = std::max(p90, median);
}

const StepModel* KindModel::Find(uint64_t id) const {
  const auto found = std::find_if(steps.begin(), steps.end(), [id](const StepModel& step) { return step.id == id; });
  return found == steps.end() ? nullptr : &*found;
}

StepModel* KindModel::FindOrAdd(uint64_t id, double duration, double share) {
  if (const StepModel* found = Find(id)) return const_cast<StepModel*>(found);
  if (steps.size() >= kMaxKindSteps) {
    const auto least = std::min_element(steps.begin(), steps.end(), [](const StepModel& a, const StepModel& b) {
      return a.duration.mean * a.seen < b.duration.mean * b.seen;
    });
    if (least->duration.mean * least->seen >= duration * share) return nullptr;
    steps.erase(least);
  }
  return &steps.emplace_back(StepModel{.id = id});
}

void KindModel::Learn(const v1::JobState& state, const Course& course, int64_t total_work) {
  const size_t count = std::min<size_t>(course.steps.size(), state.steps_size());
  std::vector<Span> spans(count);
  for (size_t i = 0; i < count; ++i) {
    const StepCourse& step = course.steps[i];
    if (step.begun < 0 || !Taken(state.steps(i))) continue;
    spans[i] = {step.begun, EndOf(step, course.newest_step == static_cast<int>(i), total_work)};
  }
  // A step of which only the parts were heard lasted from the first one's begin to the last one's end.
  for (size_t i = 0; i < count; ++i) {
    const int parent = course.steps[i].parent;
    if (parent < 0 || spans[i].begun < 0 || course.steps[parent].ended >= 0) continue;
    if (course.steps[parent].first >= 0 || course.steps[parent].begun < 0) continue;
    Span& span = spans[parent];
    if (span.begun < 0 || span.ended == total_work) span.ended = 0;
    span.begun = course.steps[parent].begun;
    span.ended = std::max(span.ended, spans[i].ended);
  }
  int64_t last_end = 0, longest = 0;
  const double share = std::max(kLeastNewShare, 1.0 / (total.count + 1));
  for (StepModel& known : steps) {
    known.seen *= 1 - share;
    known.discovered *= 1 - share;
  }
  for (size_t i = 0; i < count; ++i) {
    const StepCourse& step = course.steps[i];
    if (spans[i].begun < 0) continue;
    last_end = std::max(last_end, spans[i].ended);
    longest = std::max(longest, step.longest_gap);
    StepCourse whole = step;
    whole.moved = spans[i].ended;
    const double own = OwnWork(whole, 1);
    if (own < kLeastOwnWork) continue;
    const double duration = static_cast<double>(spans[i].ended - spans[i].begun + step.spent) / own;
    StepModel* model = FindOrAdd(step.id, duration, share);
    if (model == nullptr) continue;
    model->part = step.parent >= 0;
    model->seen += share;
    if (!step.planned) model->discovered += share;
    model->duration.Add(Capped(duration, model->duration));
    model->longest_gap.Add(Capped(static_cast<double>(step.longest_gap), model->longest_gap));
  }
  total.Add(Capped(static_cast<double>(total_work), total));
  tail.Add(Capped(static_cast<double>(total_work - last_end), tail));
  longest_gap.Add(Capped(static_cast<double>(longest), longest_gap));
  Calibrate(course, total_work);
}

void KindModel::Calibrate(const Course& course, int64_t total_work) {
  double judged = 0, kept = 0;
  for (size_t k = 0; k < kStretches; ++k) {
    if (course.foreseen[k] <= 0) continue;
    const double ratio = static_cast<double>(total_work) / static_cast<double>(course.foreseen[k]);
    if (ratios[k].p90 > 0) {
      const double width = (k + 1 < kStretches ? kStretchBegins[k + 1] : 1) - kStretchBegins[k];
      judged += width;
      if (ratio <= ratios[k].p90) kept += width;
    }
    ratios[k].Add(ratio);
  }
  if (judged > 0) level = std::clamp(level + kLevelGain * (kKept - kept / judged), kLeastLevel, kMostLevel);
  for (Ratios& each : ratios) each.Settle(level);
}

void KindModel::LearnStart(int64_t wait, int64_t nanos) {
  starts.wait.Add(Capped(static_cast<double>(wait), starts.wait));
  if (starts.last_nanos != 0 && nanos - wait <= starts.last_nanos) {
    starts.interval.Add(static_cast<double>(nanos - starts.last_nanos));
  }
  starts.last_nanos = nanos;
}

}  // namespace milepost::jobs
