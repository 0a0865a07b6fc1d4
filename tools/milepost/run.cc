// milepost run: any command as a job.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <iostream>
#include <mutex>
#include <optional>
#include <thread>

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cpp/producer.h"
#include "clients/cpp/random.h"
#include "proto/contract/resource.h"
#include "tools/milepost/command.h"
#include "tools/milepost/copy.h"
#include "tools/milepost/escalation.h"
#include "tools/milepost/flags.h"
#include "tools/milepost/run_report.h"
#include "tools/milepost/subcommands.h"

namespace milepost::tool {
namespace {

using Clock = std::chrono::steady_clock;

constexpr absl::string_view kHelp = R"(milepost run [FLAGS] -- COMMAND [ARGUMENT…]

Runs a command and reports it as a job: what it is, how far it is, its last lines, how it ended. The command's output,
input and exit status are its own, and a service that is away never disturbs it.

  milepost run -- make -j8
  milepost run --job=job:nightly --resource=user:7 --title='Nightly build' -- ninja -C build
  milepost run --redact='token=\S+' -- ./deploy.sh
  milepost run -- sh -c 'cmake --build build && ctest --test-dir build'

Progress is read from what ninja, make with CMake, ctest, pytest, curl, wget, rsync, pip, ffmpeg and tqdm print.
Interrupted (Ctrl-C, SIGTERM), it ends the command and the job is cancelled. The exit status is the command's, 128 and
the signal if one killed it, 127 if it is not found, 2 for bad flags.

)";

struct RunFlags {
  RunReportOptions report;
  std::string eventd = std::string(kDefaultAddress);
  std::vector<std::string> redact;
  bool no_output = false;
  int64_t grace = 5000;
  int64_t flush = 2000;
};

FlagSet RunFlagSet(RunFlags* flags) {
  FlagSet set;
  set.String("job", &flags->report.job, "NAME", "the job, kind:id (default: job:run- and something unique, printed at the start)");
  set.Strings("resource", &flags->report.resources, "NAME", "who else gets its events, kind:id; may be repeated");
  set.String("title", &flags->report.title, "TEXT", "what the job is called (default: the command)");
  set.String("kind", &flags->report.kind, "KIND", "what sort of job it is (default: the kind in its name)");
  set.Integer("attempt", &flags->report.attempt, "N", "which try of the job this is (default: 1)");
  set.Switch("retryable", &flags->report.retryable, "say of a failure that another attempt may follow");
  set.Strings("redact", &flags->redact, "REGEX", "replace what matches (RE2) by *** in all that is reported; may be repeated");
  set.Switch("no-output", &flags->no_output, "report no lines of output");
  set.String("eventd", &flags->eventd, "HOST:PORT", absl::StrCat("the event service (default: ", kDefaultAddress, ")"));
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
  }
  if (absl::Status status = contract::ValidateResource(report.job, "--job"); !status.ok()) return status;
  for (const std::string& resource : report.resources) {
    if (absl::Status status = contract::ValidateResource(resource, "--resource"); !status.ok()) return status;
  }
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

// Makes the terminal pass on every key, and undoes it.
class RawTerminal {
 public:
  explicit RawTerminal(bool wanted) : raw_(wanted && tcgetattr(STDIN_FILENO, &before_) == 0) { Set(); }
  ~RawTerminal() {
    if (raw_) tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;

 private:
  void Set() {
    if (!raw_) return;
    termios modes = before_;
    cfmakeraw(&modes);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
  }

  termios before_{};
  const bool raw_;
};

// One run of a command, from its start to its end. The main thread decides; two threads copy output and one copies what
// is typed; the producer's thread brings requests of the service. `mutex_` guards the report and the request.
class Run {
 public:
  Run(RunFlags flags, RunningCommand command, Fd signals)
      : flags_(std::move(flags)),
        command_(std::move(command)),
        signals_(std::move(signals)),
        report_(flags_.report, [this](v1::ProgressEvent event) { Publish(std::move(event)); }),
        producer_({.address = flags_.eventd, .on_command = [this](const auto& request) { OnRequest(request); }}),
        escalation_(std::chrono::milliseconds(flags_.grace)) {}

  RunOutcome Wait() {
    {
      std::lock_guard lock(mutex_);
      report_.Begin();
    }
    if (command_.start_error != 0) return {.how = RunOutcome::How::kNotStarted, .number = command_.start_error};
    RawTerminal raw(command_.takes_input);
    StartCopying();
    while (!Finished()) Step();
    stop_input_.Set();
    for (std::thread& thread : threads_) thread.join();
    // The terminal is ours again.
    if (!command_.terminal && isatty(STDIN_FILENO)) tcsetpgrp(STDIN_FILENO, getpgrp());
    return Outcome();
  }

  // Tells the end and gives the service a moment to take it.
  client::ProducerReport End(const RunOutcome& outcome) {
    {
      std::lock_guard lock(mutex_);
      report_.End(outcome, Clock::now());
    }
    // A service that never answered is not waited for as long as one that is merely slow.
    constexpr int64_t kPatienceWithSilence = 500;
    const int64_t patience = producer_.Report().answered ? flags_.flush : std::min(flags_.flush, kPatienceWithSilence);
    return producer_.Close(std::chrono::milliseconds(patience));
  }

 private:
  void Publish(v1::ProgressEvent event) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
    event.mutable_time()->set_seconds(nanoseconds / 1000000000);
    event.mutable_time()->set_nanos(static_cast<int32_t>(nanoseconds % 1000000000));
    producer_.Publish(std::move(event));
  }

  void StartCopying() {
    const auto copy = [this](Fd* from, int to, const char* name) {
      if (from->get() < 0) return;
      ++copying_;
      threads_.emplace_back([this, from, to, name] {
        CopyOutput(from->get(), to, stop_output_, [&](absl::string_view bytes) {
          std::lock_guard lock(mutex_);
          report_.Output(name, bytes, Clock::now());
        });
        // Whoever writes on learns what it would have learned from the reader itself. A terminal has other users here,
        // and its command is told by SIGHUP.
        if (!command_.terminal) from->Close();
        --copying_;
        wake_.Set();
      });
    };
    copy(&command_.output, STDOUT_FILENO, "stdout");
    copy(&command_.errors, STDERR_FILENO, "stderr");
    if (command_.takes_input) {
      threads_.emplace_back([this] { CopyInput(STDIN_FILENO, command_.output.get(), stop_input_, [this] { typed_interrupt_ = true; }); });
    }
  }

  bool Finished() { return status_ && copying_ == 0; }

  // Waits for something to happen, or for the time to tell what was held back, and acts on it.
  void Step() {
    pollfd fds[2] = {{.fd = signals_.get(), .events = POLLIN}, {.fd = wake_.fd(), .events = POLLIN}};
    poll(fds, 2, static_cast<int>(kProgressInterval.count()));
    if (fds[1].revents != 0) wake_.Clear();
    signalfd_siginfo info;
    while (read(signals_.get(), &info, sizeof info) == sizeof info) OnSignal(static_cast<int>(info.ssi_signo));
    std::optional<v1::PublishStreamResponse::Command> request;
    {
      std::lock_guard lock(mutex_);
      report_.Tick(Clock::now());
      request.swap(request_);
    }
    if (request) Interrupt("service", request->has_reason() ? request->reason() : "asked to cancel");
    if (const auto due = escalation_.Due(Clock::now())) Signal(*due);
  }

  void OnSignal(int number) {
    switch (number) {
      case SIGWINCH:
        if (command_.terminal) CopyWindowSize(command_.output.get());
        break;
      case SIGCHLD:
        Reap();
        break;
      default:
        Interrupt("", absl::StrCat("interrupted by SIG", sigabbrev_np(number)));
        break;
    }
  }

  void Reap() {
    int status;
    while (waitpid(command_.pid, &status, WNOHANG | WUNTRACED) > 0) {
      if (WIFSTOPPED(status)) {
        Stop();
      } else {
        status_ = status;
        stop_output_.Set();
      }
    }
  }

  // Ctrl-Z stopped the command, which has the terminal: we stop too, so that the shell gets it, and go on together.
  void Stop() {
    if (command_.terminal || !isatty(STDIN_FILENO)) return;
    tcsetpgrp(STDIN_FILENO, getpgrp());
    raise(SIGSTOP);
    tcsetpgrp(STDIN_FILENO, command_.pid);
    kill(-command_.pid, SIGCONT);
  }

  void Interrupt(absl::string_view actor, absl::string_view reason) {
    if (!escalation_.begun()) {
      actor_ = std::string(actor);
      reason_ = std::string(reason);
      std::lock_guard lock(mutex_);
      report_.Cancelling(reason);
    }
    Signal(escalation_.Ask(Clock::now()));
  }

  void Signal(int number) {
    if (status_) {
      // The command is gone, and what still copies waits for a reader who may never come.
      if (number == SIGKILL) _exit(ExitStatus(Outcome()));
      return;
    }
    kill(-command_.pid, number);
    // What is stopped does not see a signal before it goes on.
    kill(-command_.pid, SIGCONT);
  }

  void OnRequest(const v1::PublishStreamResponse::Command& request) {
    std::lock_guard lock(mutex_);
    v1::Control control;
    control.set_request(request.request());
    control.set_action(request.action());
    const bool cancel = request.action() == v1::Control::CANCEL;
    control.set_phase(cancel ? v1::Control::HONOURED : v1::Control::REFUSED);
    if (!cancel) control.set_reason("milepost run can only cancel");
    report_.Control(control);
    if (cancel) request_ = request;
  }

  RunOutcome Outcome() const {
    RunOutcome outcome{.how = RunOutcome::How::kExited, .number = WEXITSTATUS(*status_)};
    if (WIFSIGNALED(*status_)) outcome = {.how = RunOutcome::How::kKilled, .number = WTERMSIG(*status_)};
    const bool by_key = outcome.how == RunOutcome::How::kKilled ? outcome.number == SIGINT : outcome.number == 128 + SIGINT || typed_interrupt_;
    outcome.interrupted = escalation_.begun() || (by_key && ExitStatus(outcome) != 0);
    outcome.actor = actor_;
    outcome.reason = escalation_.begun() ? reason_ : "interrupted";
    return outcome;
  }

  const RunFlags flags_;
  RunningCommand command_;
  Fd signals_;
  Event wake_, stop_output_, stop_input_;
  std::atomic<int> copying_ = 0;
  std::atomic<bool> typed_interrupt_ = false;

  std::mutex mutex_;
  std::optional<v1::PublishStreamResponse::Command> request_;  // guarded by mutex_
  RunReport report_;  // guarded by mutex_
  client::Producer producer_;  // after the report, which its thread uses

  Escalation escalation_;
  std::string actor_, reason_;
  std::optional<int> status_;  // as waitpid gave it
  std::vector<std::thread> threads_;
};

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

  Fd signals = BlockSignals();
  absl::StatusOr<RunningCommand> command = StartCommand(words);
  if (!command.ok()) {
    std::cerr << "milepost: " << command.status().message() << "\n";
    return 126;
  }
  // After the command has begun, which has its own mind about them. SIGTTOU: taking the terminal back would stop us.
  for (const int number : {SIGPIPE, SIGTTOU}) signal(number, SIG_IGN);
  if (command->start_error != 0) {
    std::cerr << "milepost: " << words[0] << ": " << Describe({.how = RunOutcome::How::kNotStarted, .number = command->start_error}) << "\n";
  }
  const std::string job = flags.report.job, address = flags.eventd;
  Run run(std::move(flags), *std::move(command), std::move(signals));
  const RunOutcome outcome = run.Wait();
  Complain(run.End(outcome), job, address);
  return ExitStatus(outcome);
}

}  // namespace milepost::tool
