#include "tools/bench/systems/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"

namespace milepost::bench {
namespace {

constexpr int64_t kStopPatience = 10 * kSecond;
constexpr size_t kLogTailBytes = 600;

// Only calls that are safe between fork and exec in a program with threads.
[[noreturn]] void Exec(char* const* argv, int input, int output, int log, pid_t parent) {
  setpgid(0, 0);
  signal(SIGPIPE, SIG_DFL);  // the bench ignores it, and that would be inherited
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(126);  // the bench ended before the line above
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execv(argv[0], argv);
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(const Options& options) {
  int input[2];
  int output[2];
  if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0) {
    return absl::UnavailableError(absl::StrCat("pipe: ", std::strerror(errno)));
  }
  const int log = open(options.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  std::vector<char*> argv;
  for (const std::string& word : options.command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) Exec(argv.data(), input[0], output[1], log, parent);
  close(input[0]);
  close(output[1]);
  if (log >= 0) close(log);
  if (pid < 0) {
    close(input[1]);
    close(output[0]);
    return absl::UnavailableError(absl::StrCat("fork: ", std::strerror(errno)));
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, input[1], output[0], options.log_path));
}

ChildProcess::ChildProcess(pid_t pid, int input, int output, std::string log_path)
    : pid_(pid), input_(input), output_(output), log_path_(std::move(log_path)) {}

ChildProcess::~ChildProcess() {
  close(input_);
  if (Running()) kill(pid_, SIGTERM);
  const int64_t deadline = MonotonicNanos() + kStopPatience;
  while (Running() && MonotonicNanos() < deadline) usleep(1000);
  kill(-pid_, SIGKILL);
  if (!ended_) waitpid(pid_, nullptr, 0);
  close(output_);
}

bool ChildProcess::Running() {
  if (!ended_ && waitpid(pid_, nullptr, WNOHANG) == pid_) ended_ = true;
  return !ended_;
}

void ChildProcess::Kill() {
  kill(-pid_, SIGKILL);
  if (!ended_) waitpid(pid_, nullptr, 0);
  ended_ = true;
}

absl::StatusOr<std::string> ChildProcess::ReadLine(int64_t deadline) {
  while (true) {
    if (const size_t end = unread_.find('\n'); end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    const int64_t left = (deadline - MonotonicNanos()) / kMillisecond;
    if (left <= 0 || Interrupted()) return absl::UnavailableError(absl::StrCat("said nothing in time; ", LogTail()));
    pollfd ready{.fd = output_, .events = POLLIN};
    if (poll(&ready, 1, static_cast<int>(std::min<int64_t>(left, 100))) <= 0) continue;
    char bytes[4096];
    const ssize_t size = read(output_, bytes, sizeof(bytes));
    if (size <= 0) return absl::UnavailableError(absl::StrCat("ended at start; ", LogTail()));
    unread_.append(bytes, static_cast<size_t>(size));
  }
}

std::string ChildProcess::LogTail() const {
  std::ifstream file(log_path_);
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  if (all.empty()) return "its log is empty";
  return absl::StrCat("its log ends: ", all.substr(all.size() - std::min(all.size(), kLogTailBytes)));
}

ScratchDirectory::ScratchDirectory() : ScratchDirectory(std::filesystem::temp_directory_path().string()) {}

ScratchDirectory::ScratchDirectory(const std::string& parent) {
  std::string pattern = parent + "/milepost-bench-XXXXXX";
  if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::string SiblingProgram(const std::string& name) {
  std::error_code ignored;
  return (std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / name).string();
}

}  // namespace milepost::bench
