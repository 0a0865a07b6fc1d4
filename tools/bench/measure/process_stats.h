// What the kernel has on account for a process: CPU time and resident memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace milepost::bench {

// CPU time of `pid` since its start, all threads (those that ended too), user and system, in nanoseconds.
// This is the process's own clock (clock_getcpuclockid), the same sum that /proc/PID/stat shows in ticks.
// It includes what the kernel did on the process's behalf within its system calls, so also the loopback
// delivery of what it sent. NOT_FOUND if there is no such process.
absl::StatusOr<int64_t> CpuNanos(pid_t pid);

// Resident set size in bytes, from /proc/PID/smaps_rollup, exact where /proc/PID/statm is cached per thread;
// statm where the former cannot be read. NOT_FOUND if there is no such process.
absl::StatusOr<int64_t> ResidentBytes(pid_t pid);

// The greatest resident set size since ForgetPeak, or since the start, in bytes. NOT_FOUND if there is no such process.
absl::StatusOr<int64_t> PeakResidentBytes(pid_t pid);
// Makes what is resident now the peak. NOT_FOUND if there is no such process or it is not ours.
absl::Status ForgetPeak(pid_t pid);

// CPU time of this process, and of the calling thread, in nanoseconds.
int64_t OwnCpuNanos();
int64_t ThreadCpuNanos();

// Time since some fixed moment, the same in every process of this machine, in nanoseconds.
int64_t MonotonicNanos();

// `pid` and all processes that descend from it. A process that has ended is left out.
std::vector<pid_t> ProcessTree(pid_t pid);

// Sums over ProcessTree(pid). A process that ends in between is left out.
int64_t TreeCpuNanos(pid_t pid);
int64_t TreeResidentBytes(pid_t pid);

}  // namespace milepost::bench
