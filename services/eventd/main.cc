// milepost-eventd: the event service.
//
// Exit status: 0 stopped as asked, 1 failure at run time, 2 bad flags.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "google/protobuf/stubs/logging.h"
#include "services/eventd/eventd.h"
#include "services/eventd/options.h"

namespace {

constexpr char kUsage[] =
    "The event service of Milepost: takes progress events from workers over gRPC, puts them in one order, and gives\n"
    "them to readers.\n\n"
    "  milepost-eventd                       listens on 127.0.0.1:7070, keeps events in memory\n"
    "  milepost-eventd --listen=127.0.0.1:0  picks a free port and prints it\n\n"
    "When it is ready it prints one line on standard output: listening on ADDRESS:PORT. SIGTERM and SIGINT stop it\n"
    "within 10 s. Exit status: 0 stopped as asked, 1 failure, 2 bad flags. Flags can also stand in a file:\n"
    "--flagfile=FILE.";

// A stuck stop must not look like a healthy server: after this many seconds the process ends anyway.
constexpr unsigned kStopLimitSeconds = 10;

void SetUpLog(bool json) {
  auto logger = spdlog::stderr_logger_mt("eventd");
  // Messages are ours and hold no quote or control character that is not escaped.
  logger->set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%v"})"
                           : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  spdlog::set_default_logger(std::move(logger));
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
  using namespace milepost;
  absl::SetFlagsUsageConfig(UsageConfig());
  absl::SetProgramUsageMessage(kUsage);
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
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

  SetUpLog(options->json_log);
  // Protobuf writes a line for every bad string that anyone sends; the sender is told instead.
  google::protobuf::SetLogHandler(nullptr);
  spdlog::info("starting {}", eventd::Describe(*options));
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
