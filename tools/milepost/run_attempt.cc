#include "tools/milepost/run_attempt.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace milepost::tool {
namespace {

using Clock = std::chrono::steady_clock;

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

// When a request's deadline is by the clock that waits. The clock of whoever set it may be ahead: the command gets a
// moment in any case.
Clock::time_point KillTime(const google::protobuf::Timestamp& deadline) {
  constexpr std::chrono::seconds kLeast{1};
  const std::chrono::system_clock::time_point when{
      std::chrono::duration_cast<std::chrono::system_clock::duration>(std::chrono::seconds(deadline.seconds()) +
                                                                      std::chrono::nanoseconds(deadline.nanos()))};
  const Clock::duration left = when - std::chrono::system_clock::now();
  return Clock::now() + std::max<Clock::duration>(left, kLeast);
}

}  // namespace

RunOutcome RunAttempt::Wait() {
  if (command_.start_error != 0) return {.how = RunOutcome::How::kNotStarted, .number = command_.start_error};
  RawTerminal raw(command_.takes_input);
  StartCopying();
  while (!Finished()) Step();
  stop_input_.Set();
  for (std::thread& thread : threads_) thread.join();
  // The terminal is ours again.
  if (!command_.terminal && isatty(STDIN_FILENO)) tcsetpgrp(STDIN_FILENO, getpgrp());
  const RunOutcome outcome = Outcome();
  if (outcome.interrupted && !outcome.requested) interrupted_here_ = true;
  return outcome;
}

void RunAttempt::StartCopying() {
  CopyOneOutput(&command_.output, STDOUT_FILENO, "stdout");
  CopyOneOutput(&command_.errors, STDERR_FILENO, "stderr");
  if (command_.takes_input) {
    threads_.emplace_back(
        [this] { CopyInput(STDIN_FILENO, command_.output.get(), stop_input_, [this] { OnTypedInterrupt(); }); });
  }
}

void RunAttempt::CopyOneOutput(Fd* from, int to, const char* name) {
  if (from->get() < 0) return;
  ++copying_;
  threads_.emplace_back([this, from, to, name] {
    CopyOutput(from->get(), to, stop_output_, [&](absl::string_view bytes) { job_.Output(name, bytes); });
    // Whoever writes on learns what it would have learned from the reader itself. A terminal has other users here, and
    // its command is told by SIGHUP.
    if (!command_.terminal) from->Close();
    --copying_;
    wake_.Set();
  });
}

void RunAttempt::OnTypedInterrupt() {
  ++typed_interrupts_;
  wake_.Set();
}

// Waits for something to happen, or for the time to tell what was held back, and acts on it.
void RunAttempt::Step() {
  pollfd fds[3] = {{.fd = signals_, .events = POLLIN}, {.fd = wake_.fd(), .events = POLLIN}, {.fd = job_.requests_fd(), .events = POLLIN}};
  poll(fds, 3, static_cast<int>(kProgressInterval.count()));
  if (fds[1].revents != 0) wake_.Clear();
  signalfd_siginfo info;
  while (read(signals_, &info, sizeof info) == sizeof info) OnSignal(static_cast<int>(info.ssi_signo));
  // Whoever types Ctrl-C at a command that stands still wants it to see that.
  if (paused_ && typed_interrupts_ != typed_before_pause_) Continue();
  job_.Tick();
  while (const auto request = job_.TakeRequest()) OnRequest(*request);
  if (const auto due = escalation_.Due(Clock::now())) Signal(*due);
}

void RunAttempt::OnSignal(int number) {
  switch (number) {
    case SIGWINCH:
      if (command_.terminal) CopyWindowSize(command_.output.get());
      break;
    case SIGCHLD:
      Reap();
      break;
    default:
      interrupted_here_ = true;
      Interrupt(absl::StrCat("interrupted by SIG", sigabbrev_np(number)));
      break;
  }
}

void RunAttempt::Reap() {
  int status;
  while (!status_ && waitpid(command_.pid, &status, WNOHANG | WUNTRACED) > 0) {
    if (WIFSTOPPED(status)) {
      Stop();
    } else {
      status_ = status;
      stop_output_.Set();
    }
  }
}

// Ctrl-Z stopped the command, which has the terminal: we stop too, so that the shell gets it, and go on together. A
// command that is paused on request keeps us awake.
void RunAttempt::Stop() {
  if (paused_ || command_.terminal || !isatty(STDIN_FILENO)) return;
  tcsetpgrp(STDIN_FILENO, getpgrp());
  raise(SIGSTOP);
  tcsetpgrp(STDIN_FILENO, command_.pid);
  kill(-command_.pid, SIGCONT);
}

CommandState RunAttempt::State() const {
  if (status_) return CommandState::kGone;
  if (escalation_.begun()) return CommandState::kEnding;
  return paused_ ? CommandState::kPaused : CommandState::kRunning;
}

void RunAttempt::OnRequest(const RunJob::Request& request) {
  const Verdict verdict = Judge(request.action(), State());
  if (verdict.deed == Deed::kRefuse) return job_.Refuse(request, verdict.reason);
  // What ends the command is told first: its end may come at once.
  if (verdict.deed == Deed::kEnd) {
    job_.Honour(request);
    return End(request);
  }
  const bool pause = verdict.deed == Deed::kPause;
  if (kill(-command_.pid, pause ? SIGSTOP : SIGCONT) != 0) return job_.Refuse(request, std::strerror(errno));
  paused_ = pause;
  typed_before_pause_ = typed_interrupts_;
  job_.Honour(request);
}

void RunAttempt::End(const RunJob::Request& request) {
  if (!escalation_.begun()) {
    requested_ = true;
    reason_ = request.reason();
    Signal(escalation_.Ask(Clock::now()));
  }
  if (request.has_deadline()) escalation_.KillAt(KillTime(request.deadline()));
}

void RunAttempt::Interrupt(absl::string_view reason) {
  if (!escalation_.begun()) {
    reason_ = std::string(reason);
    job_.Cancelling(reason);
  }
  Signal(escalation_.Ask(Clock::now()));
}

void RunAttempt::Signal(int number) {
  if (status_) {
    // The command is gone, and what still copies waits for a reader who may never come.
    if (number == SIGKILL) _exit(ExitStatus(Outcome()));
    return;
  }
  kill(-command_.pid, number);
  // What is stopped does not see a signal before it goes on.
  Continue();
}

void RunAttempt::Continue() {
  kill(-command_.pid, SIGCONT);
  paused_ = false;
}

RunOutcome RunAttempt::Outcome() const {
  RunOutcome outcome{.how = RunOutcome::How::kExited, .number = WEXITSTATUS(*status_)};
  if (WIFSIGNALED(*status_)) outcome = {.how = RunOutcome::How::kKilled, .number = WTERMSIG(*status_)};
  const bool by_key = outcome.how == RunOutcome::How::kKilled ? outcome.number == SIGINT : outcome.number == 128 + SIGINT || typed_interrupts_ > 0;
  outcome.interrupted = escalation_.begun() || (by_key && ExitStatus(outcome) != 0);
  outcome.requested = requested_;
  outcome.reason = escalation_.begun() ? reason_ : "interrupted";
  return outcome;
}

}  // namespace milepost::tool
