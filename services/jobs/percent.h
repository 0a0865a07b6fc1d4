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
// Where nothing tells how many steps follow: a step that is alone counts as the whole job, but is shown no further than
// this; of several, or after the first one's end, there is room for as many again.
inline constexpr double kMostOfLoneStep = 0.9;
inline constexpr double kShareOfFoundSteps = 0.5;

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
  bool open = false;            // how many steps follow is not known: no plan, and no step that the kind usually has
  bool lone = false;            // one step was found, and has not ended
};

// `model`: the kind's, or null.
void Weigh(const v1::JobState& state, const Course& course, const KindModel* model, TopSteps* tops);

// The fraction that is done; absent if nothing is known. By the steps' weights; where the plan states none and history
// foresees how long each step takes in this run (eta.h), by that. Of an open job less: see above.
std::optional<double> Done(const TopSteps& tops);

}  // namespace milepost::jobs
