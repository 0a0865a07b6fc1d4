// What `milepost run` tells about a command, from the command's output and end.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <re2/re2.h>

#include "absl/strings/string_view.h"
#include "milepost/v1/event.pb.h"
#include "tools/milepost/parse/detector.h"
#include "tools/milepost/parse/terminal_text.h"

namespace milepost::tool {

// A step is told about at most once in this time; its newest state is always told.
inline constexpr std::chrono::milliseconds kProgressInterval{100};
// Lines of output go out together at most once in this time, and then at most so many, the newest.
inline constexpr std::chrono::milliseconds kOutputInterval{250};
inline constexpr size_t kMaxLinesAtOnce = 20;
// Longer lines, messages and titles are cut.
inline constexpr size_t kMaxLineBytes = 1024;
inline constexpr size_t kMaxMessageBytes = 200;
inline constexpr size_t kMaxTitleBytes = 200;

struct RunReportOptions {
  std::string job;
  std::vector<std::string> resources;
  std::string title;
  std::string kind;                          // empty: that of the job's name
  std::optional<uint32_t> attempt;           // absent: 1
  std::vector<std::shared_ptr<RE2>> redact;  // what matches is replaced by "***" in everything that is sent
  bool output = true;                        // send lines of output
  bool retryable = false;                    // a failure may be followed by another attempt
};

// How a command ended.
struct RunOutcome {
  enum class How { kExited, kKilled, kNotStarted };
  How how = How::kExited;
  int number = 0;            // exit code, signal or errno
  bool interrupted = false;  // it was asked to end
  bool requested = false;    // by a CANCEL request of the service
  std::string reason;        // why; empty: not said
};

// Turns what happens to a command into events, at a rate that a person can follow. Told the time with every call; has
// no clock, input or output of its own. Not thread-safe: the caller holds one mutex around every call. `sink` is called
// within the calls, in the order of the events, and must not block.
class RunReport {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Sink = std::function<void(v1::ProgressEvent)>;

  RunReport(RunReportOptions options, Sink sink)
      : options_(std::move(options)), sink_(std::move(sink)), attempt_(options_.attempt) {}

  void Begin();
  // Bytes of "stdout" or "stderr", as they came.
  void Output(absl::string_view stream, absl::string_view bytes, Time now);
  // Tells what was held back. To be called about every kProgressInterval.
  void Tick(Time now);
  // The command was asked to end.
  void Cancelling(absl::string_view message);
  // What became of a request of the service.
  void Control(const v1::Control& control);
  void End(const RunOutcome& outcome, Time now);
  // The command is about to run again, as the next attempt; Begin follows.
  void Again();

  // Which try of the job this is, from 1.
  uint32_t attempt() const { return attempt_.value_or(1); }
  // What is told from here on is of another attempt.
  void SetAttempt(uint32_t attempt) { attempt_ = attempt; }

 private:
  struct Step {
    std::string id;
    std::optional<Time> told;
    std::optional<Reading> waiting;
    bool whole = false;
    bool open = true;
  };
  struct Stream {
    std::string name;
    TerminalText text;
    std::optional<Time> changed;  // when output came, until what is unfinished was looked at
  };
  struct Line {
    std::string stream;
    std::string text;
  };

  Stream& StreamOf(absl::string_view name);
  void TakePiece(Stream& stream, const Piece& piece, Time now);
  void TakeProgress(absl::string_view piece, Time now);
  void TellStep(const std::string& id, v1::StepStatus::State state);
  void TellProgress(Step& step, Time now);
  void TellLines(Time now);
  void CloseSteps(const RunOutcome& outcome);
  v1::ProgressEvent NewEvent() const;
  std::string Clean(absl::string_view text, size_t max_bytes) const;

  const RunReportOptions options_;
  const Sink sink_;
  std::optional<uint32_t> attempt_;  // absent: 1

  // Of the attempt.
  Detector detector_;
  std::vector<Stream> streams_;
  std::vector<Step> steps_;
  std::string newest_step_;
  std::deque<Line> lines_;
  std::optional<Time> lines_told_;
};

// The kind of job that running a program is: its base name in lower case, with a hyphen for whatever a kind may not hold, cut
// to what a kind may be. Empty if that leaves nothing.
std::string KindOfProgram(absl::string_view program);
// "killed by SIGSEGV", "exit code 2", …
std::string Describe(const RunOutcome& outcome);
// What a shell would say: the exit code, 128 + signal, 127 or 126 for what could not be started. 4 if a CANCEL request
// ended the command.
int ExitStatus(const RunOutcome& outcome);

}  // namespace milepost::tool
