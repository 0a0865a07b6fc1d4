#include "tools/milepost/parse/detector.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace milepost::tool {
namespace {

double FractionOf(const Reading& reading) {
  if (reading.fraction) return *reading.fraction;
  if (reading.done && reading.total && *reading.total > 0) return std::min(1.0, *reading.done / *reading.total);
  return 0;
}

}  // namespace

std::optional<StepUpdate> Detector::Feed(absl::string_view piece) {
  for (const auto& parser : parsers_) {
    std::optional<Reading> reading = parser->Feed(piece);
    if (!reading) continue;

    StepUpdate update;
    const auto [found, inserted] = runs_.try_emplace({std::string(parser->tool()), reading->what});
    Run& run = found->second;
    if (inserted || IsNewRun(run, *reading)) {
      std::string step = NextStep(reading->what, inserted ? nullptr : &run);
      if (step.empty()) {
        runs_.erase(found);
        return std::nullopt;
      }
      run = Run{.step = std::move(step)};
      update.begins = true;
    }
    const double fraction = FractionOf(*reading);
    // Parallel make prints its percentages a little out of order.
    if (reading->fraction) reading->fraction = std::max(*reading->fraction, run.fraction);
    run.done = reading->done.value_or(run.done);
    run.fraction = std::max(run.fraction, fraction);
    run.whole = run.whole || fraction >= 1;
    update.step = run.step;
    update.reading = *std::move(reading);
    return update;
  }
  return std::nullopt;
}

bool Detector::IsNewRun(const Run& run, const Reading& reading) const {
  if (reading.fresh) return true;
  const double fraction = FractionOf(reading);
  if (reading.counts) return reading.done.value_or(run.done) < run.done || fraction < run.fraction - 0.5 || (run.whole && fraction < 1);
  return run.whole ? fraction <= 0.5 : fraction < run.fraction - 0.5;
}

std::string Detector::NextStep(const std::string& what, const Run* old) {
  int& count = steps_of_name_[what];
  if (count >= kMaxRunsOfName || steps_ >= kMaxSteps) return old != nullptr ? old->step : "";
  ++steps_;
  return ++count == 1 ? what : absl::StrCat(what, "-", count);
}

}  // namespace milepost::tool
