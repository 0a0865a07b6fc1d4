#include "tools/bench/measure/process_stats.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace milepost::bench {
namespace {

constexpr int64_t kMillisecond = 1'000'000;

void BurnCpu(int64_t nanos) {
  const int64_t end = ThreadCpuNanos() + nanos;
  while (ThreadCpuNanos() < end) {
  }
}

int64_t OwnCpuByRusage() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto nanos = [](const timeval& t) { return int64_t{t.tv_sec} * 1'000'000'000 + int64_t{t.tv_usec} * 1000; };
  return nanos(usage.ru_utime) + nanos(usage.ru_stime);
}

TEST(ProcessStatsTest, CountsTheCpuOfThreadsThatHaveEnded) {
  const auto before = CpuNanos(getpid());
  ASSERT_TRUE(before.ok());
  std::thread([] { BurnCpu(30 * kMillisecond); }).join();
  const auto after = CpuNanos(getpid());
  ASSERT_TRUE(after.ok());
  EXPECT_GE(*after - *before, 30 * kMillisecond);
}

TEST(ProcessStatsTest, AgreesWithRusage) {
  BurnCpu(20 * kMillisecond);
  const int64_t low = OwnCpuByRusage();
  const auto between = CpuNanos(getpid());
  ASSERT_TRUE(between.ok());
  // rusage may lag behind by what it rounds off.
  EXPECT_GE(*between, low - kMillisecond);
  EXPECT_LE(*between, OwnCpuByRusage() + 5 * kMillisecond);
}

TEST(ProcessStatsTest, SaysNotFoundOfAProcessThatIsGone) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(absl::IsNotFound(CpuNanos(child).status()));
  EXPECT_TRUE(absl::IsNotFound(ResidentBytes(child).status()));
}

TEST(ProcessStatsTest, SeesMemoryThatWasTouched) {
  const auto before = ResidentBytes(getpid());
  ASSERT_TRUE(before.ok());
  const std::vector<char> touched(64 << 20, 1);
  const auto after = ResidentBytes(getpid());
  ASSERT_TRUE(after.ok());
  EXPECT_GE(*after - *before, 60 << 20) << touched[1];
}

TEST(ProcessStatsTest, FindsTheChildrenOfAProcess) {
  int hold[2];
  ASSERT_EQ(pipe(hold), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(hold[1]);
    char byte = 0;
    _exit(static_cast<int>(read(hold[0], &byte, 1)));  // ends when the test closes the pipe
  }
  const std::vector<pid_t> tree = ProcessTree(getpid());
  EXPECT_EQ(tree.front(), getpid());
  EXPECT_NE(std::find(tree.begin(), tree.end(), child), tree.end());
  close(hold[1]);
  waitpid(child, nullptr, 0);
  close(hold[0]);
}

TEST(ProcessStatsTest, ThePeakRemembersWhatWasGivenBackUntilItIsForgotten) {
  constexpr size_t kBytes = 64 << 20;
  ASSERT_TRUE(ForgetPeak(getpid()).ok());
  const int64_t before = *PeakResidentBytes(getpid());
  void* const memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::memset(memory, 1, kBytes);
  munmap(memory, kBytes);
  EXPECT_GT(*PeakResidentBytes(getpid()), before + int64_t{kBytes} * 9 / 10);
  ASSERT_TRUE(ForgetPeak(getpid()).ok());
  EXPECT_LT(*PeakResidentBytes(getpid()), before + int64_t{kBytes} / 2);
}

}  // namespace
}  // namespace milepost::bench
