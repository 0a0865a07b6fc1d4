// milepost-eventd: the event service.
//
// Exit status: 0 stopped as asked, 1 failure at run time, 2 bad flags.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <spdlog/spdlog.h>

#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "services/eventd/eventd.h"
#include "services/eventd/logging.h"
#include "services/eventd/options.h"
#include "proto/poller/one_poller.h"

namespace {

constexpr char kUsage[] =
    "The event service of Milepost: takes progress events from workers over gRPC, puts them in one order, and gives\n"
    "them to readers.\n\n"
    "  milepost-eventd                       listens on 127.0.0.1:7070, keeps events in ./milepost-data\n"
    "  milepost-eventd --log=memory          keeps them in memory, for a try\n"
    "  milepost-eventd --listen=127.0.0.1:0  picks a free port and prints it\n\n"
    "When it is ready it prints one line on standard output: listening on ADDRESS:PORT. SIGTERM and SIGINT stop it\n"
    "within 10 s. Exit status: 0 stopped as asked, 1 failure, 2 bad flags. Flags can also stand in a file:\n"
    "--flagfile=FILE.";

// A stuck stop must not look like a healthy server: after this many seconds the process ends anyway.
constexpr unsigned kStopLimitSeconds = 10;

// Abseil ends the process with 1 for bad flags and for --help. What its exit is to be instead.
bool parsing_flags = false;
bool help_asked = false;

void CorrectExitStatus() {
  if (!parsing_flags) return;
  std::fflush(stdout);
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

absl::FlagsUsageConfig UsageConfig() {
  const auto ours = [](absl::string_view file) {
    return absl::StrContains(file, "services/eventd/") || absl::StrContains(file, "absl/flags/parse");
  };
  absl::FlagsUsageConfig config;
  config.contains_helpshort_flags = ours;
  config.contains_help_flags = ours;
  return config;
}

}  // namespace

int main(int argc, char** argv) {
  namespace eventd = milepost::eventd;
  absl::SetFlagsUsageConfig(UsageConfig());
  absl::SetProgramUsageMessage(kUsage);
  const std::vector<char*> rest = ParseFlags(argc, argv);
  if (rest.size() > 1) {
    std::fprintf(stderr, "milepost-eventd: unexpected argument %s: see --help\n", rest[1]);
    return 2;
  }
  const auto options = eventd::OptionsFromFlags();
  if (!options.ok()) {
    std::fprintf(stderr, "milepost-eventd: %s\n", std::string(options.status().message()).c_str());
    return 2;
  }

  // Blocked before any thread starts, so that only the wait below gets them.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);

  eventd::SetUpLogging(options->json_log);
  // Debian builds Abseil with deadlock detection, which puts every mutex of gRPC behind one global lock.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  spdlog::info("starting {}", eventd::Describe(*options));
  const milepost::poller::OnePoller one_poller;
  eventd::Eventd service(*options);
  if (const absl::Status status = service.Start(); !status.ok()) {
    spdlog::error("{}", std::string(status.message()));
    return 1;
  }
  std::printf("listening on %s\n", service.address().c_str());
  std::fflush(stdout);
  spdlog::info("listening on {}", service.address());

  int signal = 0;
  sigwait(&stop_signals, &signal);
  spdlog::info("stopping on signal {}", signal);
  alarm(kStopLimitSeconds);
  service.Stop();
  spdlog::info("stopped");
  return 0;
}
