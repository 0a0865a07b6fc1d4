// milepost-edge: turns the event service's streams into server-sent events for browsers.
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <vector>

#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "edge/edge.h"
#include "edge/logging.h"
#include "edge/options.h"
#include "proto/poller/one_poller.h"
#include "spdlog/spdlog.h"

namespace {

constexpr char kUsage[] =
    "milepost-edge serves job progress to browsers.\n\n"
    "It subscribes to milepost-eventd and gives every browser its events as text/event-stream.\n"
    "Start it without any flag beside an eventd without any flag:\n\n"
    "  milepost-eventd &\n"
    "  milepost-edge &\n"
    "  curl -N 'http://127.0.0.1:8080/v1/events?resources=job:42'\n\n"
    "Exit status: 0 stopped as asked, 1 failed at run time, 2 bad flags.";

// Abseil ends the process with 1 for bad flags and for --help. What its exit is to be instead.
bool parsing_flags = false;
bool help_asked = false;

void CorrectExitStatus() {
  if (!parsing_flags) return;
  std::cout.flush();
  _exit(help_asked ? 0 : 2);
}

std::vector<char*> ParseFlags(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const absl::string_view flag(argv[i]);
    help_asked |= absl::StartsWith(flag, "--help") || absl::StartsWith(flag, "-help") || flag == "--version";
  }
  std::atexit(CorrectExitStatus);
  parsing_flags = true;
  std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  parsing_flags = false;
  return rest;
}

// --help shows our flags, wherever the library keeps its own.
absl::FlagsUsageConfig UsageConfig() {
  const auto ours = [](absl::string_view file) {
    return absl::StrContains(file, "edge/options") || absl::StrContains(file, "absl/flags/parse");
  };
  absl::FlagsUsageConfig config;
  config.contains_helpshort_flags = ours;
  config.contains_help_flags = ours;
  return config;
}

// One descriptor a browser: take what the system lets us have.
void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetFlagsUsageConfig(UsageConfig());
  absl::SetProgramUsageMessage(kUsage);
  const std::vector<char*> arguments = ParseFlags(argc, argv);
  if (arguments.size() > 1) {
    std::cerr << "milepost-edge: unexpected argument " << arguments[1] << "; all options are flags, see --help\n";
    return 2;
  }
  const auto options = milepost::edge::OptionsFromFlags();
  if (!options.ok()) {
    std::cerr << "milepost-edge: " << options.status().message() << "\n";
    return 2;
  }
  milepost::edge::SetUpLogging(options->json_log);
  std::signal(SIGPIPE, SIG_IGN);
  // Debian's Abseil looks for deadlocks at every lock that gRPC takes; that costs and helps nobody here.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  RaiseDescriptorLimit();

  const milepost::poller::OnePoller one_poller;
  milepost::edge::Edge edge(*options);
  if (const absl::Status status = edge.Open(); !status.ok()) {
    std::cerr << "milepost-edge: " << status.message() << "\n";
    return 1;
  }
  spdlog::info("options eventd={} threads={} heartbeat={} stall={} drain_window={} feed_memory_mib={}", options->eventd,
               options->threads, absl::FormatDuration(options->heartbeat), absl::FormatDuration(options->stall),
               absl::FormatDuration(options->drain_window), options->feed_memory_bytes >> 20);
  std::cout << "listening on " << edge.address() << std::endl;
  edge.Run();
  return 0;
}
