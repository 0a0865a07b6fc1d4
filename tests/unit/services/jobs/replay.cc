#include "tests/unit/services/jobs/replay.h"

#include <fstream>
#include <utility>

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "proto/contract/job_state.h"

namespace milepost::jobs {
namespace {

// Places in the log, the same for all jobs of a test.
uint64_t next_seq = 1;

int64_t NanosOf(const v1::ProgressEvent& event) { return event.commit_time().seconds() * kSecond + event.commit_time().nanos(); }

int64_t FromSeconds(double seconds) { return 1'000'000 * kSecond + static_cast<int64_t>(seconds * 1e9); }

double Seconds(int64_t nanos) { return static_cast<double>(nanos) / 1e9; }

}  // namespace

Estimate Replay::Add(v1::ProgressEvent event, int64_t nanos) {
  event.set_job(job_);
  if (attempt != 1) event.set_attempt(attempt);
  event.mutable_commit_time()->set_seconds(nanos / kSecond);
  event.mutable_commit_time()->set_nanos(static_cast<int32_t>(nanos % kSecond));
  contract::Reduce(event, &state);
  if (!kind.empty()) state.set_kind(kind);
  if (event.has_completed()) state.clear_overall();
  const Estimate estimate = kinds_->After(event, state, next_seq++, nanos, &course);
  if (estimate.overall.has_value()) state.set_overall(*estimate.overall);
  return estimate;
}

Estimate Replay::Status(double seconds, v1::JobStatus::State value, const std::vector<v1::PlannedStep>& plan) {
  v1::ProgressEvent event;
  event.mutable_status()->set_state(value);
  for (const v1::PlannedStep& step : plan) *event.mutable_status()->add_steps() = step;
  return Add(std::move(event), FromSeconds(seconds));
}

Estimate Replay::Step(double seconds, const std::string& id, v1::StepStatus::State value) {
  v1::ProgressEvent event;
  event.mutable_step()->set_id(id);
  event.mutable_step()->set_state(value);
  return Add(std::move(event), FromSeconds(seconds));
}

Estimate Replay::Progress(double seconds, const std::string& id, double fraction) {
  v1::ProgressEvent event;
  event.mutable_progress()->set_step(id);
  event.mutable_progress()->set_fraction(fraction);
  return Add(std::move(event), FromSeconds(seconds));
}

Estimate Replay::Complete(double seconds) {
  v1::ProgressEvent event;
  event.mutable_completed();
  return Add(std::move(event), FromSeconds(seconds));
}

v1::PlannedStep Planned(const std::string& id, double weight, const std::string& parent) {
  v1::PlannedStep step;
  step.set_id(id);
  if (weight >= 0) step.set_weight(weight);
  if (!parent.empty()) step.set_parent(parent);
  return step;
}

std::vector<Trace> ReadTraces(const std::string& path) {
  std::vector<Trace> traces;
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  for (std::string line; std::getline(file, line);) {
    v1::ProgressEvent event;
    const auto parsed = google::protobuf::util::JsonStringToMessage(line, &event);
    EXPECT_TRUE(parsed.ok()) << parsed.ToString() << ": " << line;
    if (traces.empty() || traces.back().back().job() != event.job()) traces.emplace_back();
    traces.back().push_back(std::move(event));
  }
  return traces;
}

PlayedRun Play(const Trace& trace, Kinds* kinds) {
  constexpr int64_t kEvery = kSecond / 10;
  PlayedRun run;
  Replay replay(kinds, trace.front().job());
  const int64_t begin = NanosOf(trace.front()), end = NanosOf(trace.back());
  int64_t moment = begin, told_at = 0;
  Estimate told;
  std::string step;
  for (const v1::ProgressEvent& event : trace) {
    const int64_t now = NanosOf(event);
    for (; told_at != 0 && moment < now; moment += kEvery) {
      Moment seen{Seconds(moment - begin) / Seconds(end - begin), Seconds(end - moment), told.overall.value_or(-1)};
      if (told.eta_nanos) seen.eta = std::max(0.0, Seconds(*told.eta_nanos - (moment - told_at)));
      if (told.eta_p90_nanos) seen.p90 = std::max(0.0, Seconds(*told.eta_p90_nanos - (moment - told_at)));
      run.moments.push_back(seen);
    }
    const Estimate next = replay.Add(event, now);
    const bool same_step = event.has_progress() && replay.state.step() == step;
    if (told.eta_nanos && next.eta_nanos && same_step) {
      run.jumps.push_back({Seconds(*told.eta_nanos - (now - told_at)), Seconds(*next.eta_nanos)});
    }
    step = replay.state.step();
    told = next;
    told_at = now;
  }
  EXPECT_EQ(told.overall, 1) << trace.front().job();
  return run;
}

}  // namespace milepost::jobs
