// milepost-edge: turns the event service's streams into server-sent events for browsers.
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/synchronization/mutex.h"
#include "edge/edge.h"
#include "edge/options.h"
#include "spdlog/sinks/stdout_sinks.h"
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

void SetUpLog(bool json) {
  auto logger = spdlog::stderr_logger_mt("milepost");
  logger->set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","process":"edge","message":"%v"})"
                           : "%Y-%m-%dT%H:%M:%S.%eZ %l edge %v",
                      spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(logger);
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
  absl::SetProgramUsageMessage(kUsage);
  const auto arguments = absl::ParseCommandLine(argc, argv);
  if (arguments.size() > 1) {
    std::cerr << "milepost-edge: unexpected argument " << arguments[1] << "; all options are flags, see --help\n";
    return 2;
  }
  const auto options = milepost::edge::OptionsFromFlags();
  if (!options.ok()) {
    std::cerr << "milepost-edge: " << options.status().message() << "\n";
    return 2;
  }
  SetUpLog(options->json_log);
  std::signal(SIGPIPE, SIG_IGN);
  // Debian's Abseil looks for deadlocks at every lock that gRPC takes; that costs and helps nobody here.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  RaiseDescriptorLimit();

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
