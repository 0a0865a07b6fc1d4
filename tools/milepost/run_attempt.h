// One run of a command, from its start to its end.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/milepost/command.h"
#include "tools/milepost/copy.h"
#include "tools/milepost/escalation.h"
#include "tools/milepost/run_control.h"
#include "tools/milepost/run_job.h"

namespace milepost::tool {

// Passes output, input and signals on, and acts on requests. The main thread decides, in Wait; two threads copy output
// and one copies what is typed. Used once.
class RunAttempt {
 public:
  // `grace`: between SIGINT, SIGTERM and SIGKILL. `signals`: a signalfd with those of this process.
  RunAttempt(RunningCommand command, std::chrono::milliseconds grace, int signals, RunJob* job)
      : command_(std::move(command)), signals_(signals), job_(*job), escalation_(grace) {}

  // Until the command has ended and its output was copied.
  RunOutcome Wait();
  // Whoever started us wanted it to end: by a signal to this process or by Ctrl-C. Known after Wait.
  bool interrupted_here() const { return interrupted_here_; }

 private:
  void StartCopying();
  void CopyOneOutput(Fd* from, int to, const char* name);
  bool Finished() const { return status_ && copying_ == 0; }
  void OnTypedInterrupt();
  void Step();
  void OnSignal(int number);
  void Reap();
  void Stop();
  CommandState State() const;
  void OnRequest(const RunJob::Request& request);
  void End(const RunJob::Request& request);
  void Interrupt(absl::string_view reason);
  void Signal(int number);
  void Continue();
  RunOutcome Outcome() const;

  RunningCommand command_;
  const int signals_;
  RunJob& job_;
  Event wake_, stop_output_, stop_input_;
  std::atomic<int> copying_ = 0;
  std::atomic<int> typed_interrupts_ = 0;

  // Used by the main thread.
  Escalation escalation_;
  bool paused_ = false;
  int typed_before_pause_ = 0;
  bool requested_ = false;  // a CANCEL request was honoured
  bool interrupted_here_ = false;
  std::string reason_;
  std::optional<int> status_;  // as waitpid gave it
  std::vector<std::thread> threads_;
};

}  // namespace milepost::tool
