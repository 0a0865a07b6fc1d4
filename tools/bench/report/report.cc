#include "tools/bench/report/report.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace milepost::bench {
namespace {

std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  utsname name{};
  uname(&name);
  return name.machine;
}

}  // namespace

RunFacts DescribeRun(int rounds, const std::string& note) {
  RunFacts facts;
  const std::time_t now = std::time(nullptr);
  char date[32];
  std::tm calendar{};
  std::strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&now, &calendar));
  facts.date = date;
  facts.machine = ProcessorName();
  facts.cores = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  facts.rounds = rounds;
  facts.note = note;
  return facts;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::vector<std::string> FindFaults(const std::vector<Report>& reports) {
  std::vector<std::string> faults;
  for (const Report& report : reports) {
    for (const Row& row : report.rows) {
      const std::string who = absl::StrCat(row.workload, " ", row.system, ": ");
      if (row.failed) faults.push_back(absl::StrCat(who, row.trouble));
      if (!row.trouble.empty()) continue;
      if (!row.complete()) faults.push_back(absl::StrCat(who, "delivered ", row.delivered, " of ", row.expected));
      for (const auto& figure : {row.cost, row.p50_ms, row.p99_ms, row.cores, row.client_cores}) {
        if (figure && !std::isfinite(*figure)) faults.push_back(absl::StrCat(who, "a figure is not finite"));
      }
    }
  }
  return faults;
}

}  // namespace milepost::bench
