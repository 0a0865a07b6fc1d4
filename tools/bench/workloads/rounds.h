// Interleaved rounds: every system once, then every system again, so that a disturbance of the machine hits
// all of them and ratios hold within the run.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/bench/measure/histogram.h"
#include "tools/bench/report/report.h"
#include "tools/bench/systems/system.h"

namespace milepost::bench {

// What the user asked for. Absent: the workload's own default.
struct Settings {
  int rounds = 5;
  bool quick = false;  // small and short, to see that everything works
  std::optional<uint32_t> readers;
  std::optional<uint32_t> jobs;
  std::optional<double> rate;
  std::optional<double> seconds;
  std::optional<uint64_t> retained;  // events in the full store of resume and restart
  std::string kept_log;              // MilepostOptions::kept_log
  std::vector<SystemKind> systems;
};

// Leaves of the systems those that `names` has, and lets them take part whatever else they are for.
Settings OnlySystems(Settings settings, const std::vector<std::string>& names);

// One round of one system.
struct Sample {
  uint64_t delivered = 0;
  uint64_t expected = 0;
  std::vector<Named> parts;  // cost by part of the system, in the workload's unit
  std::optional<double> cores;
  std::optional<double> client_cores;
  Histogram latency;
};

// All rounds of one system.
struct Series {
  std::string system;
  std::string trouble;
  bool failed = false;
  std::vector<Sample> samples;  // as many as there were rounds, if there is no trouble
};

// How far it is, on standard error: one line that is written over in a terminal, a line each elsewhere.
void ShowProgress(const std::string& text);
void ClearProgress();

using Measure = std::function<absl::StatusOr<Sample>(const SystemKind&)>;

// Runs all systems that can run on this machine, and says on standard error how far it is. A system that
// fails is not tried again. Stops early when the user interrupts.
std::vector<Series> RunRounds(const std::string& workload, const Settings& settings, const Measure& measure);

// How series become rows.
struct RowRule {
  std::string workload;
  std::string unit;                    // empty: no costs, only latencies
  std::string cost_part;               // the part that `cost` is of, where a system has it; empty: the sum
  std::string floor = "floor";         // what `of_floor` compares with
  bool latency = true;                 // show p50 and p99
  bool pool = false;                   // quantiles of all rounds together: for few samples a round
};
std::vector<Row> MakeRows(const std::vector<Series>& series, const RowRule& rule);

// The row of `system`; nullptr if it is not there or has no figures.
const Row* FindRow(const std::vector<Row>& rows, const std::string& system);

// `dividend` / `divisor`, if both are there and the divisor is not 0.
std::optional<double> Ratio(std::optional<double> dividend, std::optional<double> divisor);

}  // namespace milepost::bench
