// From pieces of output to the steps of a job.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/milepost/parse/parsers.h"

namespace milepost::tool {

// Steps of one name ("build", "build-2", …) that one run may have; later runs of a tool begin the last one again.
inline constexpr int kMaxRunsOfName = 24;
// Steps of all names. The plan of a job holds no more than 256.
inline constexpr size_t kMaxSteps = 200;

// A step moved.
struct StepUpdate {
  std::string step;  // unique in the job, lower case, at most 64 bytes
  bool begins = false;
  Reading reading;
};

// Asks every parser, and tells one run of a tool from the next, so that a command that builds twice has two steps.
// Within a run progress never goes back. Not thread-safe.
class Detector {
 public:
  Detector() : parsers_(AllParsers()) {}

  // `piece` as TerminalText gives it.
  std::optional<StepUpdate> Feed(absl::string_view piece);

 private:
  struct Run {
    std::string step;
    double done = 0;
    double fraction = 0;
    bool whole = false;  // it reached its end
  };

  bool IsNewRun(const Run& run, const Reading& reading) const;
  std::string NextStep(const std::string& what, const Run* old);

  std::vector<std::unique_ptr<Parser>> parsers_;
  std::map<std::pair<std::string, std::string>, Run> runs_;  // by tool and what
  std::map<std::string, int> steps_of_name_;
  size_t steps_ = 0;
};

}  // namespace milepost::tool
