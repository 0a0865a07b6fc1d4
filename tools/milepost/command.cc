#include "tools/milepost/command.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace milepost::tool {
namespace {

absl::Status Failure(const char* what) { return absl::InternalError(absl::StrCat("cannot ", what, ": ", std::strerror(errno))); }

struct Pipe {
  Fd read, write;
};

absl::StatusOr<Pipe> NewPipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Failure("open a pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

absl::StatusOr<Pipe> NewTerminal(bool takes_input) {
  termios modes{};
  const bool known = tcgetattr(takes_input ? STDIN_FILENO : STDOUT_FILENO, &modes) == 0;
  // With typed input our own terminal is made raw, so this one does all processing. Otherwise ours still does it, and
  // line ends must not be processed twice.
  if (known && !takes_input) modes.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  winsize size{};
  const bool sized = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  int master, slave;
  if (openpty(&master, &slave, nullptr, known ? &modes : nullptr, sized ? &size : nullptr) != 0) return Failure("open a pseudo-terminal");
  Pipe terminal{Fd(master), Fd(slave)};
  fcntl(master, F_SETFD, FD_CLOEXEC);
  fcntl(slave, F_SETFD, FD_CLOEXEC);
  return terminal;
}

// What the child's descriptors become; -1 leaves one as it is.
struct ChildStreams {
  int input = -1, output = -1, errors = -1;
  bool terminal = false;
};

// Only async-signal-safe calls from here to exec.
[[noreturn]] void BecomeCommand(char* const* argv, const ChildStreams& streams, int report) {
  if (streams.terminal) {
    setsid();
    ioctl(streams.output, TIOCSCTTY, 0);
  } else {
    const bool in_front = IsOwnTerminal(STDIN_FILENO);  // before the group changes
    setpgid(0, 0);
    // The command reads from the terminal: only the group in front may. Asking for that from behind would stop us.
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTTOU);
    sigprocmask(SIG_BLOCK, &stop, nullptr);
    if (in_front) tcsetpgrp(STDIN_FILENO, getpid());
  }
  if (streams.input >= 0) dup2(streams.input, STDIN_FILENO);
  if (streams.output >= 0) dup2(streams.output, STDOUT_FILENO);
  if (streams.errors >= 0) dup2(streams.errors, STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execvp(argv[0], argv);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(report, &error, sizeof error);
  _exit(127);
}

}  // namespace

void Fd::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

bool IsOwnTerminal(int fd) { return isatty(fd) && tcgetpgrp(fd) == getpgrp(); }

void CopyWindowSize(int master) {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) ioctl(master, TIOCSWINSZ, &size);
}

absl::StatusOr<RunningCommand> StartCommand(const std::vector<std::string>& args) {
  RunningCommand command;
  command.terminal = isatty(STDOUT_FILENO);
  command.takes_input = command.terminal && IsOwnTerminal(STDIN_FILENO);

  absl::StatusOr<Pipe> output = command.terminal ? NewTerminal(command.takes_input) : NewPipe();
  if (!output.ok()) return output.status();
  ChildStreams streams{.output = output->write.get(), .terminal = command.terminal};
  if (command.takes_input) streams.input = streams.output;
  Pipe errors;
  if (command.terminal && isatty(STDERR_FILENO)) {
    streams.errors = streams.output;
  } else {
    absl::StatusOr<Pipe> pipe = NewPipe();
    if (!pipe.ok()) return pipe.status();
    errors = *std::move(pipe);
    streams.errors = errors.write.get();
  }
  absl::StatusOr<Pipe> report = NewPipe();
  if (!report.ok()) return report.status();

  std::vector<char*> argv;
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  command.pid = fork();
  if (command.pid < 0) return Failure("fork");
  if (command.pid == 0) BecomeCommand(argv.data(), streams, report->write.get());

  report->write.Close();
  ssize_t got;
  do {
    got = read(report->read.get(), &command.start_error, sizeof command.start_error);
  } while (got < 0 && errno == EINTR);
  if (command.start_error != 0) waitpid(command.pid, nullptr, 0);
  command.output = std::move(output->read);
  command.errors = std::move(errors.read);
  return command;
}

}  // namespace milepost::tool
