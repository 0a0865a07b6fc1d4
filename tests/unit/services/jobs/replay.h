// Runs of jobs, recorded or made up, put through the estimates as the fold does it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "milepost/v1/event.pb.h"
#include "milepost/v1/job.pb.h"
#include "services/jobs/course.h"
#include "services/jobs/estimate.h"

namespace milepost::jobs {

inline constexpr int64_t kSecond = 1'000'000'000;

// One job and its estimates.
class Replay {
 public:
  Replay(Kinds* kinds, std::string job) : kinds_(kinds), job_(std::move(job)) {}

  // `event` happens at `nanos`; its job is filled in.
  Estimate Add(v1::ProgressEvent event, int64_t nanos);

  // The same, shorter, for made up runs; `seconds` since an arbitrary moment.
  Estimate Status(double seconds, v1::JobStatus::State state, const std::vector<v1::PlannedStep>& plan = {});
  Estimate Step(double seconds, const std::string& id, v1::StepStatus::State state);
  Estimate Progress(double seconds, const std::string& id, double fraction);
  Estimate Complete(double seconds);

  v1::JobState state;
  Course course;
  std::string kind;     // said with the first event, if any
  uint32_t attempt = 1;

 private:
  Kinds* const kinds_;
  const std::string job_;
};

v1::PlannedStep Planned(const std::string& id, double weight = -1, const std::string& parent = "");

// What a viewer sees of a run at one moment, every tenth of a second.
struct Moment {
  double share = 0;     // of the run's time that has passed
  double left = 0;      // seconds to the end
  double overall = 0;   // -1: absent
  double eta = -1, p90 = -1;  // seconds, counted down since the event that told them; -1: absent
};

// What an event changed in the ETA, where there was one before and no step began or ended.
struct Jump {
  double expected = 0, told = 0;  // seconds
};

struct PlayedRun {
  std::vector<Moment> moments;
  std::vector<Jump> jumps;
};

using Trace = std::vector<v1::ProgressEvent>;

// The runs of a file of events as JSON lines, each with its commit time. A missing or broken file is a failed test.
std::vector<Trace> ReadTraces(const std::string& path);

// A whole run.
PlayedRun Play(const Trace& trace, Kinds* kinds);

}  // namespace milepost::jobs
