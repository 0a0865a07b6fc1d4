// How much of a job is done: its top steps, each with its weight and its fraction.
#pragma once

#include <cstddef>
#include <optional>

#include "milepost/v1/job.pb.h"
#include "proto/contract/job_state.h"
#include "services/jobs/course.h"
#include "services/jobs/kind_model.h"

namespace milepost::jobs {

// No job that has not completed is shown further.
inline constexpr double kMostBeforeCompleted = 0.99;

// A step that is no part of another one, and neither skipped nor cached.
struct TopStep {
  const StepCourse* course = nullptr;
  v1::StepState::State state = v1::StepState::STATE_UNSPECIFIED;
  double weight = 0;        // in the unit of the plan's, else nanoseconds
  double fraction = 0;      // what is done, 0 to 1; 0 if unknown
  double own = 0;           // what was done in the step's time: `fraction` without what was there before
  bool measured = false;    // a fraction was told, of it or of its parts
  double duration = 0;      // usual nanoseconds; 0: not known
  double whole = 0;         // nanoseconds that it takes in this run, as foreseen; 0: not foreseen
};

// Lives on the stack of one call; points into the course that it was made of.
struct TopSteps {
  TopStep steps[contract::kMaxStateSteps];
  size_t size = 0;
  double further_weight = 0;    // of the steps that are usual for the kind and not heard of yet
  double further_duration = 0;  // nanoseconds
  double further_whole = 0;     // nanoseconds, of those and of what follows the last step, as foreseen for this run
  bool foreseen = false;        // every step's `whole` is set, and further_whole
  bool stated = false;          // the plan says weights
  bool known = false;           // enough is known for a percent
};

// `model`: the kind's, or null.
void Weigh(const v1::JobState& state, const Course& course, const KindModel* model, TopSteps* tops);

// The fraction that is done; absent if nothing is known. By the steps' weights; where the plan states none and history
// foresees how long each step takes in this run (eta.h), by that.
std::optional<double> Done(const TopSteps& tops);

}  // namespace milepost::jobs
