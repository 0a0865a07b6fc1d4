// A process that the bench started and will stop.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace milepost::bench {

// Runs in a process group of its own, so that a Ctrl-C in the terminal reaches only the bench, which then
// stops it in order; the kernel stops it too when the bench itself is killed. Start it from the main thread
// only, because that rule of the kernel looks at the thread. Not thread-safe.
class ChildProcess {
 public:
  struct Options {
    std::vector<std::string> command;  // program (a path) and arguments
    std::string log_path;              // takes standard error
  };

  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(const Options& options);
  // Stops it: SIGTERM, and SIGKILL to the whole group if it is still there after 10 s.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Writes here reach its standard input.
  int input() const { return input_; }
  // The next line of its standard output. UNAVAILABLE, with the end of its log, if it ended or said nothing
  // until `deadline` (MonotonicNanos).
  absl::StatusOr<std::string> ReadLine(int64_t deadline);
  // False once it has ended.
  bool Running();
  // SIGKILL, as a crash; returns when it is gone.
  void Kill();
  // The last lines of its log, for an error message.
  std::string LogTail() const;

 private:
  ChildProcess(pid_t pid, int input, int output, std::string log_path);

  const pid_t pid_;
  const int input_;
  const int output_;
  const std::string log_path_;
  bool ended_ = false;
  std::string unread_;
};

// A directory of the bench's own under `parent`, or else where temporary files go; removed with all in it. Its path
// is empty if it could not be made. Not thread-safe.
class ScratchDirectory {
 public:
  ScratchDirectory();
  explicit ScratchDirectory(const std::string& parent);
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Where `name` is: beside the bench's own program.
std::string SiblingProgram(const std::string& name);

}  // namespace milepost::bench
