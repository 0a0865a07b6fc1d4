#include "services/jobs/percent.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace milepost::jobs {
namespace {

using v1::StepState;

// All steps of the job, or all parts of one step: what gives those without a weight theirs.
struct Group {
  double stated = 0, learned = 0;  // sums
  int stated_count = 0, learned_count = 0;
  double both_stated = 0, both_learned = 0;  // of the steps that have both

  void Add(const StepState& step, double duration) {
    if (step.has_weight()) {
      stated += step.weight();
      ++stated_count;
    }
    if (duration <= 0) return;
    learned += duration;
    ++learned_count;
    if (step.has_weight()) {
      both_stated += step.weight();
      both_learned += duration;
    }
  }

  // Weight of a nanosecond, in the unit of the stated ones; 0 if nothing was learned.
  double Scale() const {
    if (learned_count == 0) return 0;
    if (both_stated > 0) return both_stated / both_learned;
    if (stated > 0) return stated / stated_count / (learned / learned_count);
    return 1;
  }

  double MeanWeight() const {
    if (stated > 0) return stated / stated_count;
    return learned_count > 0 ? learned / learned_count : 1;
  }

  double WeightOf(const StepState& step, double duration) const {
    if (step.has_weight()) return step.weight();
    return duration > 0 ? duration * Scale() : MeanWeight();
  }
};

// What the parts of a step add up to.
struct Parts {
  double weight = 0, fraction = 0, own = 0;  // the latter two times weight
  double plain_fraction = 0, plain_own = 0;  // as if all weighed the same
  int count = 0, left = 0;                   // left: neither skipped nor cached
  double duration = 0;
  bool measured = false;

  void Take(double w, double f, double o) {
    weight += w;
    fraction += w * f;
    own += w * o;
    plain_fraction += f;
    plain_own += o;
    ++left;
  }
  double Fraction() const { return weight > 0 ? fraction / weight : left > 0 ? plain_fraction / left : 0; }
  double Own() const { return weight > 0 ? own / weight : left > 0 ? plain_own / left : 0; }
};

bool IsOut(const StepState& step) { return step.state() == StepState::SKIPPED || step.state() == StepState::CACHED; }
bool HasEnded(StepState::State state) { return state == StepState::DONE || state == StepState::FAILED; }
bool HasEnded(const StepState& step) { return HasEnded(step.state()); }

double FractionOf(const StepState& step) {
  if (HasEnded(step)) return 1;
  return step.state() == StepState::STARTED ? std::clamp(step.fraction(), 0.0, 1.0) : 0;
}

// Listed only because an earlier attempt touched it.
bool IsLeftOver(const StepState& step, const StepCourse& way) {
  return !way.planned && step.state() == StepState::STATE_UNSPECIFIED && way.begun < 0;
}

// The steps of one call, by place; groups[0] is that of the top steps, groups[i + 1] that of the parts of step i. Too much
// to be set up for each call: only the places that are used are.
struct Scratch {
  Group groups[contract::kMaxStateSteps + 1];
  Parts parts[contract::kMaxStateSteps];
  double durations[contract::kMaxStateSteps];
};

void AddFurther(const KindModel& model, uint64_t named, const Group& group, TopSteps* tops) {
  for (size_t i = 0; i < model.steps.size(); ++i) {
    const StepModel& step = model.steps[i];
    if (named >> i & 1 || step.part || step.discovered < kUsualShare) continue;
    const double scale = group.Scale();
    const double plain = group.stated > 0 ? group.MeanWeight() : step.duration.mean;
    tops->further_weight += scale > 0 ? step.duration.mean * scale : plain;
    tops->further_duration += step.duration.mean;
  }
}

}  // namespace

void Weigh(const v1::JobState& state, const Course& course, const KindModel* model, TopSteps* tops) {
  static_assert(kMaxKindSteps <= 64, "one bit each");
  const int count = std::min<int>(state.steps_size(), static_cast<int>(course.steps.size()));
  thread_local Scratch scratch;
  Group* const groups = scratch.groups;
  std::fill_n(groups, count + 1, Group());
  std::fill_n(scratch.parts, count, Parts());
  uint64_t named = 0;  // steps of the model that the job has
  bool told = false, usual = false;
  for (int i = 0; i < count; ++i) {
    const StepState& step = state.steps(i);
    if (IsLeftOver(step, course.steps[i])) {
      scratch.durations[i] = 0;
      continue;
    }
    const StepModel* learned = model == nullptr ? nullptr : model->Find(course.steps[i].id);
    scratch.durations[i] = learned == nullptr ? 0 : learned->duration.mean;
    if (learned != nullptr) named |= uint64_t{1} << (learned - model->steps.data());
    usual = usual || (learned != nullptr && learned->seen >= kUsualShare);
    told = told || learned != nullptr || HasEnded(step) || step.has_fraction();
    groups[course.steps[i].parent + 1].Add(step, scratch.durations[i]);
  }
  for (int i = 0; i < count; ++i) {
    const StepCourse& way = course.steps[i];
    if (way.parent < 0) continue;
    const StepState& step = state.steps(i);
    Parts& parts = scratch.parts[way.parent];
    ++parts.count;
    parts.duration += scratch.durations[i];
    if (IsOut(step)) continue;
    const double fraction = FractionOf(step);
    parts.measured = parts.measured || step.has_fraction() || HasEnded(step);
    parts.Take(groups[way.parent + 1].WeightOf(step, scratch.durations[i]), fraction, OwnWork(way, fraction, scratch.durations[i]));
  }
  tops->size = 0;
  int found = 0;
  for (int i = 0; i < count; ++i) {
    const StepCourse& way = course.steps[i];
    const StepState& step = state.steps(i);
    const Parts& parts = scratch.parts[i];
    if (way.parent >= 0 || (parts.count == 0 && IsLeftOver(step, way))) continue;
    ++found;
    if (IsOut(step)) continue;
    if (parts.count > 0 && parts.left == 0 && !HasEnded(step) && !step.has_fraction()) continue;  // all parts are out
    TopStep& top = tops->steps[tops->size++];
    top = {.course = &way, .state = step.state(), .fraction = FractionOf(step)};
    top.own = OwnWork(way, top.fraction, scratch.durations[i]);
    top.measured = step.has_fraction() || parts.measured;
    if (parts.Fraction() > top.fraction) {
      top.fraction = parts.Fraction();
      top.own = parts.Own();
    }
    top.weight = groups[0].WeightOf(step, scratch.durations[i]);
    top.duration = scratch.durations[i] > 0 ? scratch.durations[i] : parts.duration;
  }
  tops->further_weight = tops->further_duration = tops->further_whole = 0;
  tops->foreseen = false;
  if (model != nullptr) AddFurther(*model, named, groups[0], tops);
  tops->stated = groups[0].stated > 0;
  // If all that was found is skipped or cached, it may be all there is only if a plan says so.
  const bool left = tops->size > 0 || tops->further_weight > 0;
  tops->known = found > 0 && (course.planned || (left && (told || tops->further_weight > 0)));
  tops->open = !course.planned && !usual && tops->further_weight <= 0;
  tops->lone = found == 1 && tops->size == 1 && !HasEnded(tops->steps[0].state);
}

std::optional<double> Done(const TopSteps& tops) {
  if (!tops.known) return std::nullopt;
  const double most = tops.open && tops.lone ? kMostOfLoneStep : 1, share = tops.open && !tops.lone ? kShareOfFoundSteps : 1;
  const bool foreseen = !tops.stated && tops.foreseen;
  double weight = foreseen ? tops.further_whole : tops.further_weight, done = 0, plain = 0;
  for (size_t i = 0; i < tops.size; ++i) {
    const TopStep& step = tops.steps[i];
    const double own = foreseen ? step.whole : step.weight;
    weight += own;
    done += own * step.fraction;
    plain += step.fraction;
  }
  if (weight > 0 && std::isfinite(weight)) return std::min(most, share * done / weight);
  return tops.size > 0 ? std::min(most, share * plain / static_cast<double>(tops.size)) : 1;
}

}  // namespace milepost::jobs
