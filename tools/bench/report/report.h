// What a workload found out, and how it is shown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace milepost::bench {

// A figure by its name; a part of a cost or the value of one round.
using Named = std::pair<std::string, double>;

// One system under one workload. Absent figures do not apply.
struct Row {
  std::string workload;
  std::string system;
  std::string trouble;             // why there are no figures: skipped, or failed
  bool failed = false;             // it ran and went wrong; being skipped is no failure
  uint64_t delivered = 0;          // over all rounds
  uint64_t expected = 0;           // 0: the workload delivers nothing
  std::string unit;                // of cost and parts, for example "µs/event"
  std::optional<double> cost;      // what the ratios are of; the median over the rounds, as all that follow
  std::vector<Named> parts;        // cost by part of the system, in the system's order
  std::optional<double> of_floor;  // cost in floors, round by round
  std::optional<double> of_nchan;
  std::optional<double> of_redis;
  std::optional<double> p50_ms;
  std::optional<double> p99_ms;
  std::optional<double> cores;         // that the system used; 1 is one core busy all the time
  std::optional<double> client_cores;  // that the load client used beside it
  std::vector<double> rounds;          // cost (or p99_ms, where there is no cost) of each round

  bool complete() const { return delivered == expected; }
};

// A row of the design's "numbers to reach" and how Milepost stands to it.
struct Verdict {
  std::string workload;
  std::string claim;  // "cost ≤ 1.25 × floor"
  std::optional<double> measured;
  double limit = 0;
  enum class Better { kLess, kMore } better = Better::kLess;

  // Measured, and no worse than the limit.
  bool met() const { return measured && (better == Better::kLess ? *measured <= limit : *measured >= limit); }
};

struct Report {
  std::string title;  // one line: what was run
  std::vector<Row> rows;
  std::vector<Verdict> verdicts;
};

// About the machine and the run, for the head of the table.
struct RunFacts {
  std::string date;  // UTC, "2026-11-21"
  std::string machine;
  int cores = 0;
  int rounds = 0;
  std::string note;
};
RunFacts DescribeRun(int rounds, const std::string& note);

// A Markdown table that also reads well in a terminal, and the verdicts below it.
std::string FormatTable(const RunFacts& facts, const std::vector<Report>& reports);
// The same and the single rounds, as one JSON object.
std::string FormatJson(const RunFacts& facts, const std::vector<Report>& reports);

// What is wrong with the reports apart from speed: a system that failed, did not deliver all, or has a figure
// that is not finite. Empty if nothing.
std::vector<std::string> FindFaults(const std::vector<Report>& reports);

// The middle value, or the mean of the two; of at least one value.
double Median(std::vector<double> values);

}  // namespace milepost::bench
