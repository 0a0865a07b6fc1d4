#include "tools/bench/workloads/rounds.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "tools/bench/measure/wait.h"

namespace milepost::bench {
namespace {

constexpr double kNanosPerMilli = 1e6;

}  // namespace

void ShowProgress(const std::string& text) {
  const bool terminal = isatty(STDERR_FILENO) != 0;
  std::fprintf(stderr, terminal ? "\r\x1b[K%s" : "%s\n", text.c_str());
  std::fflush(stderr);
}

void ClearProgress() {
  if (isatty(STDERR_FILENO) != 0) std::fputs("\r\x1b[K", stderr);
}

namespace {

double CostOf(const Sample& sample, const RowRule& rule) {
  double sum = 0;
  for (const auto& [name, value] : sample.parts) {
    if (name == rule.cost_part) return value;
    sum += value;
  }
  return sum;
}

std::optional<double> QuantileMs(const Series& series, const RowRule& rule, double share) {
  if (!rule.latency) return std::nullopt;
  Histogram all;
  std::vector<double> each;
  for (const Sample& sample : series.samples) {
    all.Merge(sample.latency);
    if (sample.latency.count() > 0) each.push_back(static_cast<double>(sample.latency.Quantile(share)));
  }
  if (each.empty()) return std::nullopt;
  return (rule.pool ? static_cast<double>(all.Quantile(share)) : Median(each)) / kNanosPerMilli;
}

// The median over the rounds of a figure that every sample has, or none.
template <typename Figure>
std::optional<double> MedianOf(const Series& series, Figure figure) {
  std::vector<double> values;
  for (const Sample& sample : series.samples) {
    if (const std::optional<double> value = figure(sample)) values.push_back(*value);
  }
  if (values.empty()) return std::nullopt;
  return Median(values);
}

std::optional<double> CostRatio(const Series& series, const std::vector<Series>& all, const std::string& base,
                                const RowRule& rule) {
  for (const Series& other : all) {
    if (other.system != base || !other.trouble.empty()) continue;
    std::vector<double> ratios;
    for (size_t i = 0; i < series.samples.size() && i < other.samples.size(); ++i) {
      const auto ratio = Ratio(CostOf(series.samples[i], rule), CostOf(other.samples[i], rule));
      if (ratio) ratios.push_back(*ratio);
    }
    if (!ratios.empty()) return Median(ratios);
  }
  return std::nullopt;
}

void FillCosts(const Series& series, const std::vector<Series>& all, const RowRule& rule, Row& row) {
  row.unit = rule.unit;
  row.cost = MedianOf(series, [&](const Sample& sample) { return std::optional<double>(CostOf(sample, rule)); });
  for (size_t i = 0; i < series.samples.front().parts.size(); ++i) {
    const std::string& name = series.samples.front().parts[i].first;
    const auto value = MedianOf(series, [i](const Sample& s) { return std::optional<double>(s.parts[i].second); });
    row.parts.emplace_back(name, *value);
  }
  row.of_floor = CostRatio(series, all, rule.floor, rule);
  row.of_nchan = CostRatio(series, all, "nchan", rule);
  row.of_redis = CostRatio(series, all, "redis", rule);
  for (const Sample& sample : series.samples) row.rounds.push_back(CostOf(sample, rule));
}

}  // namespace

Settings OnlySystems(Settings settings, const std::vector<std::string>& names) {
  std::erase_if(settings.systems, [&](const SystemKind& kind) {
    return std::find(names.begin(), names.end(), kind.name) == names.end();
  });
  for (SystemKind& kind : settings.systems) kind.only.clear();
  return settings;
}

std::vector<Series> RunRounds(const std::string& workload, const Settings& settings, const Measure& measure) {
  std::vector<SystemKind> kinds = settings.systems;
  std::erase_if(kinds, [&](const SystemKind& kind) { return !kind.only.empty() && kind.only != workload; });
  std::vector<Series> all;
  for (const SystemKind& kind : kinds) all.push_back({kind.name, kind.missing(), false, {}});
  for (int round = 1; round <= settings.rounds; ++round) {
    for (size_t i = 0; i < all.size(); ++i) {
      Series& series = all[i];
      if (!series.trouble.empty()) continue;
      if (Interrupted()) return all;
      ShowProgress(absl::StrCat(workload, ": round ", round, " of ", settings.rounds, ", ", series.system));
      absl::StatusOr<Sample> sample = measure(kinds[i]);
      if (sample.ok()) {
        series.samples.push_back(*std::move(sample));
      } else if (!absl::IsCancelled(sample.status())) {
        series.trouble = std::string(sample.status().message());
        series.failed = true;
      }
    }
  }
  ClearProgress();
  return all;
}

std::vector<Row> MakeRows(const std::vector<Series>& series, const RowRule& rule) {
  std::vector<Row> rows;
  for (const Series& each : series) {
    Row row;
    row.workload = rule.workload;
    row.system = each.system;
    row.trouble = each.trouble;
    row.failed = each.failed;
    if (row.trouble.empty() && each.samples.empty()) row.trouble = "interrupted";
    if (row.trouble.empty()) {
      for (const Sample& sample : each.samples) {
        row.delivered += sample.delivered;
        row.expected += sample.expected;
      }
      if (!rule.unit.empty()) FillCosts(each, series, rule, row);
      row.p50_ms = QuantileMs(each, rule, 0.50);
      row.p99_ms = QuantileMs(each, rule, 0.99);
      row.cores = MedianOf(each, [](const Sample& sample) { return sample.cores; });
      row.client_cores = MedianOf(each, [](const Sample& sample) { return sample.client_cores; });
      if (rule.unit.empty()) {
        for (const Sample& sample : each.samples) {
          row.rounds.push_back(static_cast<double>(sample.latency.Quantile(0.99)) / kNanosPerMilli);
        }
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

const Row* FindRow(const std::vector<Row>& rows, const std::string& system) {
  for (const Row& row : rows) {
    if (row.system == system && row.trouble.empty()) return &row;
  }
  return nullptr;
}

std::optional<double> Ratio(std::optional<double> dividend, std::optional<double> divisor) {
  if (!dividend || !divisor || *divisor == 0) return std::nullopt;
  return *dividend / *divisor;
}

}  // namespace milepost::bench
