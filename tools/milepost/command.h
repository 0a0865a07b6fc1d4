// Starts a command under a pseudo-terminal or pipes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "absl/status/statusor.h"

namespace milepost::tool {

// Closes a file descriptor. Movable.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { Close(); }
  int get() const { return fd_; }
  void Close();

 private:
  int fd_;
};

// A command that runs. Its streams are those of this process where that can be, so that the command finds what it would
// find without us: a terminal where there is a terminal, a file where there is a file.
struct RunningCommand {
  pid_t pid = -1;           // also the id of its process group
  int start_error = 0;      // errno, if it could not be started; then there is nothing else
  Fd output;                // what it writes to standard output; with a terminal also to standard error
  Fd errors;                // what it writes to standard error; -1 if that is a terminal or goes to `output`
  bool terminal = false;    // `output` is the master of a pseudo-terminal
  bool takes_input = false; // standard input is that terminal: what is typed is to be written to `output`
};

// `argv` is not empty. Other threads may run, but none may start a command at the same time. Signals that are blocked here are not blocked there; those
// that are ignored here are ignored there.
// An error is a failure of this machine, not of the command.
absl::StatusOr<RunningCommand> StartCommand(const std::vector<std::string>& argv);

// Makes the pseudo-terminal as large as the terminal that we write to.
void CopyWindowSize(int master);

// True if `fd` is a terminal on which this process may read and set modes without being stopped.
bool IsOwnTerminal(int fd);

}  // namespace milepost::tool
