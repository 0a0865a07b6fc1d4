// The table: Markdown whose columns are padded, so that it reads well in a terminal too.
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/bench/report/report.h"

namespace milepost::bench {
namespace {

using Cells = std::vector<std::string>;

const Cells& Head() {
  static const Cells* const head = new Cells{"workload", "system",  "delivered", "cost",  "of it",        "× floor",
                                             "× nchan",  "× redis", "p50",       "p99",   "cores",        "client cores"};
  return *head;
}

std::string Number(const std::optional<double>& value, const char* unit = "") {
  if (!value) return "–";
  const int digits = *value < 0.995 ? 3 : *value < 99.5 ? 2 : 0;
  return absl::StrFormat("%.*f%s", digits, *value, unit);
}

std::string Delivered(const Row& row) {
  if (row.expected == 0) return "–";
  if (row.complete()) return absl::StrCat("all ", row.expected);
  return absl::StrCat("**", row.delivered, "/", row.expected, "**");
}

std::string PartsOf(const Row& row) {
  if (row.parts.size() < 2) return "–";
  std::vector<std::string> parts;
  std::string text;
  for (const auto& [name, value] : row.parts) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", name, " ", Number(value));
  }
  return text;
}

Cells CellsOf(const Row& row) {
  if (!row.trouble.empty()) return {row.workload, row.system, absl::StrCat(row.failed ? "FAILED: " : "skipped: ", row.trouble)};
  const std::string unit = absl::StrCat(" ", row.unit);
  return {row.workload,
          row.system,
          Delivered(row),
          row.cost ? Number(row.cost, unit.c_str()) : "–",
          PartsOf(row),
          Number(row.of_floor),
          Number(row.of_nchan),
          Number(row.of_redis),
          Number(row.p50_ms, " ms"),
          Number(row.p99_ms, " ms"),
          Number(row.cores),
          Number(row.client_cores)};
}

// Columns on a screen: UTF-8 continuation bytes take none.
size_t Width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string Line(const Cells& cells, const std::vector<size_t>& widths) {
  std::string line = "|";
  for (size_t i = 0; i < widths.size(); ++i) {
    const std::string cell = i < cells.size() ? cells[i] : "";
    const size_t width = Width(cell);
    absl::StrAppend(&line, " ", cell, std::string(widths[i] > width ? widths[i] - width : 0, ' '), " |");
  }
  return line + "\n";
}

std::string VerdictLine(const Verdict& verdict) {
  const std::string measured = verdict.measured ? Number(verdict.measured) : "not measured";
  const char* const answer = !verdict.measured ? "?" : verdict.met() ? "yes" : "NO";
  return absl::StrCat("- ", verdict.workload, ": ", verdict.claim, ": ", measured, " → ", answer, "\n");
}

}  // namespace

std::string FormatTable(const RunFacts& facts, const std::vector<Report>& reports) {
  std::vector<Cells> lines;
  for (const Report& report : reports) {
    for (const Row& row : report.rows) lines.push_back(CellsOf(row));
  }
  std::vector<size_t> widths;
  for (const std::string& name : Head()) widths.push_back(Width(name));
  for (const Cells& cells : lines) {
    if (cells.size() < widths.size()) continue;  // a row without figures may run over
    for (size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], Width(cells[i]));
  }
  std::string out = absl::StrCat(facts.date, ", ", facts.cores, " cores (", facts.machine, "), median of ",
                                 facts.rounds, facts.rounds == 1 ? " round" : " interleaved rounds", facts.note, ".\n");
  for (const Report& report : reports) absl::StrAppend(&out, "- ", report.title, "\n");
  absl::StrAppend(&out, "\n", Line(Head(), widths), "|");
  for (const size_t width : widths) absl::StrAppend(&out, std::string(width + 2, '-'), "|");
  out += "\n";
  for (const Cells& cells : lines) out += Line(cells, widths);
  std::string verdicts;
  for (const Report& report : reports) {
    for (const Verdict& verdict : report.verdicts) verdicts += VerdictLine(verdict);
  }
  if (!verdicts.empty()) absl::StrAppend(&out, "\nTo reach:\n\n", verdicts);
  return out;
}

}  // namespace milepost::bench
