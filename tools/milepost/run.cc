// milepost run: any command as a job.
#include <cerrno>
#include <chrono>
#include <csignal>
#include <iostream>
#include <iterator>
#include <optional>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cpp/producer.h"
#include "clients/cpp/random.h"
#include "proto/contract/resource.h"
#include "tools/milepost/command.h"
#include "tools/milepost/flags.h"
#include "tools/milepost/run_attempt.h"
#include "tools/milepost/run_control.h"
#include "tools/milepost/run_job.h"
#include "tools/milepost/run_report.h"
#include "tools/milepost/subcommands.h"

namespace milepost::tool {
namespace {

// What a shell says of a command that it could not start.
constexpr int kExitCannotStart = 126;

constexpr absl::string_view kHelp = R"(milepost run [FLAGS] -- COMMAND [ARGUMENT…]

Runs a command and reports it as a job: what it is, how far it is, its last lines, how it ended. The command's output,
input and exit status are its own, and a service that is away never disturbs it.

  milepost run -- make -j8
  milepost run --job=job:nightly --resource=user:7 --title='Nightly build' -- ninja -C build
  milepost run --redact='token=\S+' -- ./deploy.sh
  milepost run -- sh -c 'cmake --build build && ctest --test-dir build'

Progress is read from what ninja, make with CMake, ctest, pytest, curl, wget, rsync, pip, ffmpeg and tqdm print.
Interrupted (Ctrl-C, SIGTERM), it ends the command and the job is cancelled. It also does what the job is asked to do:

  milepost cancel job:nightly                 SIGINT, then SIGTERM, and SIGKILL at the request's deadline
  milepost pause job:nightly                  SIGSTOP to the command and its children; milepost resume lets them go on
  milepost retry job:nightly                  with --keep, after it failed or was cancelled: runs the command again

The exit status is the command's, 128 and the signal if one killed it, 127 if it is not found, 4 if the job was asked to
cancel, 2 for bad flags.

)";

struct RunFlags {
  RunReportOptions report;
  std::string eventd = std::string(kDefaultAddress);
  std::vector<std::string> redact;
  bool no_output = false;
  bool keep = false;
  int64_t lease = 30000;
  int64_t grace = 5000;
  int64_t flush = 2000;
};

FlagSet RunFlagSet(RunFlags* flags) {
  FlagSet set;
  set.String("job", &flags->report.job, "NAME", "the job, kind:id (default: job:run- and something unique, printed at the start)");
  set.Strings("resource", &flags->report.resources, "NAME", "who else gets its events, kind:id; may be repeated");
  set.String("title", &flags->report.title, "TEXT", "what the job is called (default: the command)");
  set.String("kind", &flags->report.kind, "KIND",
             "what sort of job it is; how long such jobs take is learned (default: the kind in --job, else the command's name)");
  set.Integer("attempt", &flags->report.attempt, "N", "which try of the job this is (default: 1)");
  set.Switch("retryable", &flags->report.retryable, "say of a failure that another attempt may follow");
  set.Strings("redact", &flags->redact, "REGEX", "replace what matches (RE2) by *** in all that is reported; may be repeated");
  set.Switch("no-output", &flags->no_output, "report no lines of output");
  set.String("eventd", &flags->eventd, "HOST:PORT", absl::StrCat("the event service (default: ", kDefaultAddress, ")"));
  set.Switch("keep", &flags->keep, "after a failure or a cancel wait for milepost retry, and run the command again");
  set.Duration("lease", &flags->lease, "TIME", "how long this process may be silent before the job counts as stalled, 1s to 1h (default: 30s)");
  set.Duration("grace", &flags->grace, "TIME", "interrupted: between SIGINT, SIGTERM and SIGKILL (default: 5s)");
  set.Duration("flush", &flags->flush, "TIME", "how long to wait at the end for the service (default: 2s)");
  return set;
}

absl::Status Complete(const std::vector<std::string>& command, RunFlags* flags) {
  RunReportOptions& report = flags->report;
  if (command.empty()) return absl::InvalidArgumentError("no command given: milepost run -- COMMAND");
  if (report.job.empty()) {
    report.job = absl::StrCat("job:run-", client::RandomId().substr(0, 8));
    std::cerr << "milepost: this is " << report.job << "\n";
    if (report.kind.empty()) report.kind = KindOfProgram(command[0]);
  }
  if (absl::Status status = contract::ValidateResource(report.job, "--job"); !status.ok()) return status;
  for (const std::string& resource : report.resources) {
    if (absl::Status status = contract::ValidateResource(resource, "--resource"); !status.ok()) return status;
  }
  if (report.attempt == 0u) return absl::InvalidArgumentError("--attempt: counts from 1");
  constexpr size_t kMaxResources = 16;
  if (report.resources.size() > kMaxResources) return absl::InvalidArgumentError("--resource: a job has at most 16");
  if (!report.kind.empty() && !contract::IsKind(report.kind)) {
    return absl::InvalidArgumentError(absl::StrCat("--kind: ", contract::Quoted(report.kind), " is not [a-z][a-z0-9_-]{0,31}"));
  }
  for (const std::string& pattern : flags->redact) {
    auto regex = std::make_shared<RE2>(pattern, RE2::Quiet);
    if (!regex->ok()) return absl::InvalidArgumentError(absl::StrCat("--redact: ", contract::Quoted(pattern), ": ", regex->error()));
    report.redact.push_back(std::move(regex));
  }
  if (report.title.empty()) report.title = absl::StrJoin(command, " ");
  report.output = !flags->no_output;
  // Whoever keeps it says that another attempt may follow.
  report.retryable = report.retryable || flags->keep;
  if (flags->lease < 1000 || flags->lease > 3600 * 1000) return absl::InvalidArgumentError("--lease: must be from 1s to 1h");
  return absl::OkStatus();
}

// Signals arrive where poll sees them, in the one thread that decides.
Fd BlockSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGWINCH}) sigaddset(&set, number);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  // A shell may have had us ignore them: then an interrupt would never arrive, nor the command's end.
  for (const int number : {SIGINT, SIGCHLD}) signal(number, SIG_DFL);
  return Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

// Signals that this process must not die of. The command has its own mind about them, so that it is started without.
// SIGTTOU: taking the terminal back would stop us.
class IgnoredSignals {
 public:
  void Ignore() {
    for (size_t i = 0; i < std::size(kNumbers); ++i) before_[i] = signal(kNumbers[i], SIG_IGN);
  }
  void Restore() {
    for (size_t i = 0; i < std::size(kNumbers); ++i) signal(kNumbers[i], before_[i]);
  }

 private:
  static constexpr int kNumbers[] = {SIGPIPE, SIGTTOU};
  sighandler_t before_[std::size(kNumbers)];
};

// Until somebody asks for another attempt. False: whoever started us has had enough.
bool WaitForRetry(int signals, const RunOutcome& outcome, RunJob* job) {
  const std::string how = outcome.interrupted ? "was cancelled" : absl::StrCat("failed: ", Describe(outcome));
  std::cerr << absl::StrCat("milepost: ", job->name(), " ", how, "; waiting for milepost retry ", job->name(), " (Ctrl-C ends the waiting)\n");
  for (;;) {
    pollfd fds[2] = {{.fd = signals, .events = POLLIN}, {.fd = job->requests_fd(), .events = POLLIN}};
    poll(fds, 2, -1);
    signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP) return false;
    }
    while (const auto request = job->TakeRequest()) {
      const Verdict verdict = Judge(request->action(), CommandState::kWaiting);
      if (verdict.deed == Deed::kRunAgain) {
        job->Honour(*request);
        return true;
      }
      job->Refuse(*request, verdict.reason);
    }
  }
}

// One line, and only if something did not get through.
void Complain(const client::ProducerReport& report, const std::string& job, const std::string& address) {
  if (report.unsettled > 0) {
    std::cerr << "milepost: " << report.unsettled << " events of " << job << " could not be reported: the service at " << address << " is away ("
              << report.status.message() << ")\n";
  } else if (report.rejected > 0) {
    std::cerr << "milepost: " << report.rejected << " events of " << job << " were rejected, the first because: "
              << (report.rejections.empty() ? "" : report.rejections.front()) << "\n";
  } else if (report.dropped > 0) {
    std::cerr << "milepost: " << report.dropped << " events of " << job << " were left out while the service at " << address << " was away\n";
  }
}

bool Succeeded(const RunOutcome& outcome) {
  return !outcome.interrupted && outcome.how == RunOutcome::How::kExited && outcome.number == 0;
}

absl::StatusOr<RunningCommand> Start(const std::vector<std::string>& command) {
  absl::StatusOr<RunningCommand> running = StartCommand(command);
  if (!running.ok()) {
    std::cerr << "milepost: " << running.status().message() << "\n";
  } else if (running->start_error != 0) {
    std::cerr << "milepost: " << command[0] << ": " << Describe({.how = RunOutcome::How::kNotStarted, .number = running->start_error}) << "\n";
  }
  return running;
}

// Runs the command, and again as often as is asked for. The exit status.
int Run(const std::vector<std::string>& command, const RunFlags& flags) {
  const Fd signals = BlockSignals();
  IgnoredSignals ignored;
  std::optional<RunJob> job;  // its threads begin after the command, where that can be
  for (;;) {
    absl::StatusOr<RunningCommand> running = Start(command);
    if (!running.ok() && !job) return kExitCannotStart;
    if (!running.ok()) running.emplace().start_error = EAGAIN;
    ignored.Ignore();
    if (!job) job.emplace(RunJob::Options{flags.report, flags.eventd, std::chrono::milliseconds(flags.lease)});
    job->Begin();
    RunAttempt attempt(*std::move(running), std::chrono::milliseconds(flags.grace), signals.get(), &*job);
    const RunOutcome outcome = attempt.Wait();
    job->End(outcome);
    const bool again = flags.keep && !Succeeded(outcome) && !attempt.interrupted_here() && WaitForRetry(signals.get(), outcome, &*job);
    if (!again) {
      Complain(job->Close(std::chrono::milliseconds(flags.flush)), job->name(), flags.eventd);
      return ExitStatus(outcome);
    }
    job->Again();
    ignored.Restore();
  }
}

}  // namespace

int RunMain(const std::vector<std::string>& args) {
  RunFlags flags;
  FlagSet set = RunFlagSet(&flags);
  std::vector<std::string> words;
  absl::Status status = set.Parse(args, FlagOrder::kBeforeFirst, &words);
  if (status.ok() && set.help()) {
    std::cout << kHelp << set.Describe();
    return 0;
  }
  if (status.ok()) status = Complete(words, &flags);
  if (!status.ok()) return BadUsage("run", status);

  return Run(words, flags);
}

}  // namespace milepost::tool
