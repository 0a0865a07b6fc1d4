#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/bench/report/report.h"

namespace milepost::bench {
namespace {

std::string Quote(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    } else {
      out += c;
    }
  }
  return out + '"';
}

// JSON has no word for what is not finite.
std::string Number(double value) { return std::isfinite(value) ? absl::StrFormat("%.6g", value) : "null"; }

// Joins the members of an object.
class Object {
 public:
  Object& Text(const std::string& name, const std::string& value) { return Raw(name, Quote(value)); }
  Object& Figure(const std::string& name, std::optional<double> value) {
    return value ? Raw(name, Number(*value)) : *this;
  }
  Object& Raw(const std::string& name, const std::string& json) {
    members_.push_back(absl::StrCat(Quote(name), ":", json));
    return *this;
  }
  std::string Take() const { return absl::StrCat("{", absl::StrJoin(members_, ","), "}"); }

 private:
  std::vector<std::string> members_;
};

std::string RowJson(const Row& row) {
  Object parts;
  for (const auto& [name, value] : row.parts) parts.Figure(name, value);
  std::vector<std::string> rounds;
  for (const double value : row.rounds) rounds.push_back(Number(value));
  Object object;
  object.Text("workload", row.workload).Text("system", row.system);
  if (!row.trouble.empty()) return object.Text(row.failed ? "failed" : "skipped", row.trouble).Take();
  if (row.expected > 0) {
    object.Raw("delivered", absl::StrCat(row.delivered)).Raw("expected", absl::StrCat(row.expected));
  }
  if (row.cost) object.Text("unit", row.unit);
  return object.Figure("cost", row.cost)
      .Raw("parts", parts.Take())
      .Figure("ofFloor", row.of_floor)
      .Figure("ofNchan", row.of_nchan)
      .Figure("ofRedis", row.of_redis)
      .Figure("p50Ms", row.p50_ms)
      .Figure("p99Ms", row.p99_ms)
      .Figure("cores", row.cores)
      .Figure("clientCores", row.client_cores)
      .Raw("rounds", absl::StrCat("[", absl::StrJoin(rounds, ","), "]"))
      .Take();
}

std::string VerdictJson(const Verdict& verdict) {
  return Object()
      .Text("workload", verdict.workload)
      .Text("claim", verdict.claim)
      .Figure("measured", verdict.measured)
      .Figure("limit", verdict.limit)
      .Raw("met", verdict.met() ? "true" : "false")
      .Take();
}

}  // namespace

std::string FormatJson(const RunFacts& facts, const std::vector<Report>& reports) {
  std::vector<std::string> rows;
  std::vector<std::string> verdicts;
  for (const Report& report : reports) {
    for (const Row& row : report.rows) rows.push_back(RowJson(row));
    for (const Verdict& verdict : report.verdicts) verdicts.push_back(VerdictJson(verdict));
  }
  return Object()
             .Text("date", facts.date)
             .Text("machine", facts.machine)
             .Raw("cores", absl::StrCat(facts.cores))
             .Raw("rounds", absl::StrCat(facts.rounds))
             .Raw("rows", absl::StrCat("[\n", absl::StrJoin(rows, ",\n"), "]"))
             .Raw("verdicts", absl::StrCat("[\n", absl::StrJoin(verdicts, ",\n"), "]"))
             .Take() +
         "\n";
}

}  // namespace milepost::bench
