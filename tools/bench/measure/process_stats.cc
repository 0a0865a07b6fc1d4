#include "tools/bench/measure/process_stats.h"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace milepost::bench {
namespace {

int64_t ReadClock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

absl::StatusOr<int64_t> RollupBytes(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/smaps_rollup"));
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("Rss:", 0) == 0) return std::stoll(line.substr(4)) * 1024;
  }
  return absl::NotFoundError(absl::StrCat("no memory map of process ", pid));
}

absl::StatusOr<int64_t> StatmBytes(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/statm"));
  int64_t size = 0;
  int64_t resident = 0;
  if (!(file >> size >> resident)) return absl::NotFoundError(absl::StrCat("no process ", pid));
  return resident * sysconf(_SC_PAGESIZE);
}

// Children are listed by the thread that forked them.
void AppendChildren(pid_t pid, std::vector<pid_t>& out) {
  const std::string tasks = absl::StrCat("/proc/", pid, "/task");
  DIR* dir = opendir(tasks.c_str());
  if (dir == nullptr) return;
  while (const dirent* entry = readdir(dir)) {
    std::ifstream file(absl::StrCat(tasks, "/", entry->d_name, "/children"));
    pid_t child = 0;
    while (file >> child) out.push_back(child);
  }
  closedir(dir);
}

}  // namespace

absl::StatusOr<int64_t> CpuNanos(pid_t pid) {
  clockid_t clock{};
  timespec used{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    return absl::NotFoundError(absl::StrCat("no process ", pid));
  }
  return int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

absl::StatusOr<int64_t> ResidentBytes(pid_t pid) {
  absl::StatusOr<int64_t> rollup = RollupBytes(pid);
  return rollup.ok() ? rollup : StatmBytes(pid);
}

absl::StatusOr<int64_t> PeakResidentBytes(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stoll(line.substr(6)) * 1024;
  }
  return absl::NotFoundError(absl::StrCat("no process ", pid));
}

absl::Status ForgetPeak(pid_t pid) {
  std::ofstream file(absl::StrCat("/proc/", pid, "/clear_refs"));
  file << "5" << std::flush;  // proc(5): resets the peak
  return file ? absl::OkStatus() : absl::NotFoundError(absl::StrCat("cannot reset the peak of process ", pid));
}

int64_t OwnCpuNanos() { return ReadClock(CLOCK_PROCESS_CPUTIME_ID); }
int64_t ThreadCpuNanos() { return ReadClock(CLOCK_THREAD_CPUTIME_ID); }
int64_t MonotonicNanos() { return ReadClock(CLOCK_MONOTONIC); }

std::vector<pid_t> ProcessTree(pid_t pid) {
  std::vector<pid_t> tree{pid};
  for (size_t i = 0; i < tree.size(); ++i) AppendChildren(tree[i], tree);
  return tree;
}

int64_t TreeCpuNanos(pid_t pid) {
  int64_t sum = 0;
  for (pid_t each : ProcessTree(pid)) sum += CpuNanos(each).value_or(0);
  return sum;
}

int64_t TreeResidentBytes(pid_t pid) {
  int64_t sum = 0;
  for (pid_t each : ProcessTree(pid)) sum += ResidentBytes(each).value_or(0);
  return sum;
}

}  // namespace milepost::bench
