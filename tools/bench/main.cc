// milepost-bench: the project's benchmark. See README.md beside it.
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/workloads/workload.h"

ABSL_FLAG(int, rounds, 5, "Rounds; every figure is the median over them. 1 to 100.");
ABSL_FLAG(bool, quick, false,
          "Small and short, one round, under 30 s in all: shows that everything works, not how fast it is. "
          "Implies --check.");
ABSL_FLAG(bool, check, false, "End with status 1 if a system failed, did not deliver all, or has a senseless figure.");
ABSL_FLAG(bool, json, false, "Print JSON instead of the table.");
ABSL_FLAG(std::vector<std::string>, systems, {}, "Only these systems, separated by commas. Default: all but milepost-auto.");
ABSL_FLAG(int, readers, 0, "Readers in all, for the workloads that have a choice. 0: the workload's own number.");
ABSL_FLAG(int, jobs, 0, "Jobs of unicast and latency. 0: the workload's own number.");
ABSL_FLAG(double, rate, 0, "Events a second. 0: the workload's own rate.");
ABSL_FLAG(double, seconds, 0, "Length of a measured window in seconds. 0: the workload's own.");
ABSL_FLAG(int, edge_threads, 1, "Event loops of the edge of system `milepost`. 0: as many as it likes.");
ABSL_FLAG(std::vector<std::string>, edge_flags, {}, "Further flags for milepost-edge, separated by commas.");
ABSL_FLAG(std::vector<std::string>, eventd_flags, {}, "Further flags for milepost-eventd, separated by commas.");
ABSL_FLAG(uint64_t, retained, 0, "Events in the full store of resume and restart. 0: 10,000,000.");
ABSL_FLAG(std::string, log, "memory", "What milepost-eventd gets as --log.");
ABSL_FLAG(std::string, kept_log, "rocksdb",
          "The log of durable, resume, restart and storm: rocksdb, in a directory of its own, or memory.");
ABSL_FLAG(std::string, store_parent, "/var/tmp",
          "Where the directories of such logs are made and removed again. Must lie on a disk, not in memory.");

namespace milepost::bench {
namespace {

constexpr int kExitFault = 1;
constexpr int kExitUsage = 2;
constexpr int kExitInterrupted = 130;

MilepostOptions MilepostFromFlags() {
  return {.edge_threads = absl::GetFlag(FLAGS_edge_threads),
          .edge_flags = absl::GetFlag(FLAGS_edge_flags),
          .eventd_flags = absl::GetFlag(FLAGS_eventd_flags),
          .log = absl::GetFlag(FLAGS_log),
          .kept_log = absl::GetFlag(FLAGS_kept_log),
          .store_parent = absl::GetFlag(FLAGS_store_parent)};
}

std::string Usage() {
  std::string text =
      "measures Milepost beside its yardsticks: milepost-bench [FLAGS] [WORKLOAD…]\n\n"
      "Every system runs in processes of its own, one after the other, round by round, and sends the same events\n"
      "to the same load client, which checks that each reader gets each event once and in order. CPU is what the\n"
      "kernel has on account for the system's processes over the measured window. Without a name all workloads\n"
      "run; that takes about twenty minutes.\n\nWorkloads:\n";
  for (const Workload& workload : AllWorkloads()) absl::StrAppendFormat(&text, "  %-14s%s\n", workload.name, workload.about);
  text += "\nSystems:\n";
  for (const SystemKind& kind : AllSystems({})) absl::StrAppendFormat(&text, "  %-14s%s\n", kind.name, kind.about);
  text +=
      "\nExamples:\n"
      "  milepost-bench fanout                      one workload, five rounds\n"
      "  milepost-bench --quick                     does everything work?\n"
      "  milepost-bench --systems=floor,milepost --rounds=3 --readers=1000 fanout\n"
      "  milepost-bench --json > result.json\n\n"
      "Exit status: 0 done, 1 a fault (with --check), 2 bad flags, 130 interrupted.";
  return text;
}

template <typename T>
std::optional<T> IfSet(T value) {
  return value > 0 ? std::optional<T>(value) : std::nullopt;
}

int BadUsage(const std::string& message) {
  std::fprintf(stderr, "milepost-bench: %s; see --help\n", message.c_str());
  return kExitUsage;
}

// The kinds that --systems names. Empty, with a message in `error`, if a name is unknown.
std::vector<SystemKind> ChosenSystems(std::string& error) {
  const std::vector<std::string> names = absl::GetFlag(FLAGS_systems);
  std::vector<SystemKind> all = AllSystems(MilepostFromFlags());
  if (names.empty()) {
    std::erase_if(all, [](const SystemKind& kind) { return kind.name == "milepost-auto"; });
    return all;
  }
  for (const std::string& name : names) {
    if (std::none_of(all.begin(), all.end(), [&](const SystemKind& kind) { return kind.name == name; })) {
      error = absl::StrCat("no system \"", name, "\"");
    }
  }
  std::erase_if(all, [&](const SystemKind& kind) { return std::find(names.begin(), names.end(), kind.name) == names.end(); });
  return all;
}

std::vector<const Workload*> ChosenWorkloads(const std::vector<char*>& names, std::string& error) {
  std::vector<const Workload*> chosen;
  for (const Workload& workload : AllWorkloads()) {
    if (names.empty() || std::find(names.begin(), names.end(), workload.name) != names.end()) chosen.push_back(&workload);
  }
  for (const std::string name : names) {
    const bool known = std::any_of(chosen.begin(), chosen.end(), [&](const Workload* w) { return w->name == name; });
    if (!known) error = absl::StrCat("no workload \"", name, "\"");
  }
  return chosen;
}

int RunAll(const std::vector<const Workload*>& workloads, Run& run) {
  std::vector<Report> reports;
  for (const Workload* workload : workloads) {
    if (Interrupted()) break;
    reports.push_back(workload->run(run));
  }
  const RunFacts facts = DescribeRun(run.settings.rounds, run.settings.quick ? ", --quick" : "");
  const std::string text = absl::GetFlag(FLAGS_json) ? FormatJson(facts, reports) : FormatTable(facts, reports);
  std::fputs(text.c_str(), stdout);
  if (Interrupted()) return kExitInterrupted;
  if (!run.settings.quick && !absl::GetFlag(FLAGS_check)) return 0;
  std::vector<std::string> faults = FindFaults(reports);
  for (const SystemKind& kind : run.settings.systems) {
    const bool ours = kind.name == "milepost" || kind.name == "milepost-auto";
    if (ours && !kind.missing().empty()) faults.push_back(absl::StrCat(kind.name, ": ", kind.missing()));
  }
  for (const std::string& fault : faults) std::fprintf(stderr, "fault: %s\n", fault.c_str());
  return faults.empty() ? 0 : kExitFault;
}

int Main(const std::vector<char*>& names) {
  std::string error;
  Run run;
  run.settings.quick = absl::GetFlag(FLAGS_quick);
  run.settings.rounds = run.settings.quick ? 1 : std::clamp(absl::GetFlag(FLAGS_rounds), 1, 100);
  run.settings.readers = IfSet(static_cast<uint32_t>(std::max(absl::GetFlag(FLAGS_readers), 0)));
  run.settings.jobs = IfSet(static_cast<uint32_t>(std::max(absl::GetFlag(FLAGS_jobs), 0)));
  run.settings.rate = IfSet(absl::GetFlag(FLAGS_rate));
  run.settings.seconds = IfSet(absl::GetFlag(FLAGS_seconds));
  run.settings.retained = IfSet(absl::GetFlag(FLAGS_retained));
  run.settings.kept_log = absl::GetFlag(FLAGS_kept_log);
  if (run.settings.kept_log != "memory" && run.settings.kept_log != "rocksdb") error = "--kept_log: must be memory or rocksdb";
  run.settings.systems = ChosenSystems(error);
  const std::vector<const Workload*> workloads = ChosenWorkloads(names, error);
  if (!error.empty()) return BadUsage(error);

  signal(SIGPIPE, SIG_IGN);
  CatchInterrupts();
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  return RunAll(workloads, run);
}

}  // namespace
}  // namespace milepost::bench

int main(int argc, char** argv) {
  // Abseil would look for the flags in milepost-bench.cc.
  absl::FlagsUsageConfig config;
  config.contains_help_flags = [](absl::string_view file) { return absl::EndsWith(file, "bench/main.cc"); };
  absl::SetFlagsUsageConfig(config);
  absl::SetProgramUsageMessage(milepost::bench::Usage());
  std::vector<char*> words = absl::ParseCommandLine(argc, argv);
  words.erase(words.begin());
  return milepost::bench::Main(words);
}
