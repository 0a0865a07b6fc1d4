#include "services/jobs/course.h"

#include <algorithm>

namespace milepost::jobs {
namespace {

using v1::JobState;
using v1::StepState;
using v1::StepStatus;

// A step of which more than this was there when it began was resumed.
constexpr double kResumed = 0.1;

int PlaceOf(absl::string_view id, const JobState& state) {
  for (int i = 0; i < state.steps_size(); ++i) {
    if (state.steps(i).id() == id) return i;
  }
  return -1;
}

// Parents as places. Nesting is one level deep: what lies deeper belongs to the same top step, and a circle is none.
void LinkParents(const JobState& state, Course* course) {
  std::vector<int> direct(course->steps.size(), -1);
  for (size_t i = 0; i < direct.size(); ++i) {
    if (state.steps(i).has_parent()) direct[i] = PlaceOf(state.steps(i).parent(), state);
  }
  for (size_t i = 0; i < direct.size(); ++i) {
    int parent = direct[i];
    if (parent >= 0 && direct[parent] >= 0) parent = direct[parent];
    const bool top = parent < 0 || direct[parent] >= 0 || parent == static_cast<int>(i);
    course->steps[i].parent = static_cast<int16_t>(top ? -1 : parent);
  }
}

// The plan was replaced: the steps' ways move to their new places.
void Replan(const v1::JobStatus& plan, const JobState& state, Course* course) {
  std::vector<StepCourse> before;
  before.swap(course->steps);
  const uint64_t newest = course->newest_step < 0 ? 0 : before[course->newest_step].id;
  course->newest_step = -1;
  for (int i = 0; i < state.steps_size(); ++i) {
    const uint64_t id = StepFingerprint(state.steps(i).id());
    const auto known = std::find_if(before.begin(), before.end(), [&](const StepCourse& step) { return step.id == id; });
    StepCourse& step = course->steps.emplace_back(known == before.end() ? StepCourse{.id = id} : *known);
    step.planned = i < plan.steps_size();
    if (newest != 0 && id == newest) course->newest_step = static_cast<int16_t>(i);
  }
  course->planned = true;
  LinkParents(state, course);
}

void Begin(int64_t now, StepCourse* step) {
  if (step->ended >= 0 && step->begun >= 0) step->spent += step->ended - step->begun;
  step->begun = now;
  step->first = step->moved = step->ended = -1;
  step->from = 0;
}

// What was foreseen did not know that something need not be done, and tells nothing of how good foresight is.
void ForgetForesight(Course* course) { course->foreseen.fill(0); }

// True if the step begins by this.
bool ObserveReport(const StepState& now, int64_t work, StepCourse* step, Course* course) {
  const bool begins = step->begun < 0 || step->ended >= 0;
  if (begins) Begin(work, step);
  if (now.has_fraction() && step->first < 0) {
    step->first = work;
    step->from = static_cast<float>(std::clamp(now.fraction(), 0.0, 1.0));
  }
  const bool second = !begins && step->first >= 0 && step->moved == step->first && work > step->first;
  step->moved = work;
  if (second && now.fraction() - OwnWork(*step, now.fraction()) > kResumed) ForgetForesight(course);
  return begins;
}

void ObserveStatus(StepStatus::State status, int64_t work, StepCourse* step, Course* course) {
  const bool out = status == StepStatus::SKIPPED || status == StepStatus::CACHED;
  if (out && step->begun < 0) ForgetForesight(course);
  if (status == StepStatus::STARTED) {
    if (step->begun < 0 || step->ended >= 0) Begin(work, step);
  } else {
    step->ended = step->moved = work;
  }
}

// The job moved; the time since it moved last was the newest step's.
void NoteGap(Course* course) {
  if (course->newest_step >= 0) {
    int64_t& longest = course->steps[course->newest_step].longest_gap;
    longest = std::max(longest, course->work - std::max<int64_t>(course->moved, 0));
  }
  course->moved = course->work;
}

// True if a step began or ended.
bool ObserveMovement(const v1::ProgressEvent& event, const JobState& state, Course* course) {
  NoteGap(course);
  const int place = PlaceOf(event.has_step() ? event.step().id() : event.progress().step(), state);
  if (place < 0) return false;
  StepCourse& step = course->steps[place];
  bool change = course->newest_step != place;
  course->newest_step = static_cast<int16_t>(place);
  if (event.has_step()) {
    ObserveStatus(event.step().state(), course->work, &step, course);
    change = true;
  } else if (ObserveReport(state.steps(place), course->work, &step, course)) {
    change = true;
  }
  if (step.parent >= 0) {
    StepCourse& parent = course->steps[step.parent];
    if (parent.begun < 0) Begin(course->work, &parent);
    parent.moved = course->work;
  }
  return change;
}

bool Works(JobState::State state) {
  return state == JobState::RUNNING || state == JobState::STALLED || state == JobState::CANCELLING;
}

}  // namespace

size_t StretchOf(double overall) {
  const auto after = std::upper_bound(kStretchBegins.begin(), kStretchBegins.end(), overall);
  return after == kStretchBegins.begin() ? 0 : after - kStretchBegins.begin() - 1;
}

uint64_t StepFingerprint(absl::string_view id) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

double OwnWork(const StepCourse& step, double fraction, double usual) {
  if (step.first < 0 || step.from <= 0) return fraction;
  const double after = fraction - step.from;
  const auto before_first = static_cast<double>(step.first - step.begun);
  // What could have been done before the first report, at the speed after it or, before that is known, at twice the usual
  // one; the rest was there already.
  if (after > 0 && step.moved > step.first) {
    const double rate = after / static_cast<double>(step.moved - step.first);
    return after + std::min<double>(step.from, rate * before_first);
  }
  return usual > 0 ? std::min(fraction, 2 * before_first / usual) : 0;
}

Move Observe(const v1::ProgressEvent& event, const JobState& state, int64_t nanos, Course* course) {
  Move move;
  if (course->attempt != state.attempt()) {
    const bool planned = course->planned;
    std::vector<StepCourse> steps;
    steps.swap(course->steps);
    *course = Course();
    course->attempt = state.attempt();
    course->planned = planned;
    // The plan outlives the attempt.
    for (const StepCourse& step : steps) {
      course->steps.push_back({.id = step.id, .parent = step.parent, .planned = step.planned});
    }
  } else if (course->working) {
    course->work += std::max<int64_t>(nanos - course->last_nanos, 0);
  }
  course->last_nanos = nanos;
  course->working = Works(state.state());
  if (state.state() == JobState::QUEUED) {
    if (course->queued_nanos == 0) course->queued_nanos = nanos;
    if (event.has_status() && event.status().has_queue_position()) course->placed_nanos = nanos;
  } else if (course->queued_nanos != 0) {
    if (course->working) move.start_wait = nanos - course->queued_nanos;
    course->queued_nanos = course->placed_nanos = 0;
  }
  if (event.has_status() && !event.status().steps().empty()) {
    Replan(event.status(), state, course);
    move.step_change = true;
  }
  for (int i = static_cast<int>(course->steps.size()); i < state.steps_size(); ++i) {
    course->steps.push_back({.id = StepFingerprint(state.steps(i).id())});
    move.step_change = true;
  }
  if (event.has_step() || event.has_progress()) {
    move.moved = true;
    if (ObserveMovement(event, state, course)) move.step_change = true;
  }
  return move;
}

}  // namespace milepost::jobs
