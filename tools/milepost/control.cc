// milepost cancel, pause, resume and retry: requests to a job's worker.
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "clients/cpp/job_client.h"
#include "clients/cpp/subscriber.h"
#include "proto/contract/resource.h"
#include "tools/milepost/flags.h"
#include "tools/milepost/request_watch.h"
#include "tools/milepost/subcommands.h"

namespace milepost::tool {
namespace {

using Clock = std::chrono::steady_clock;

constexpr absl::string_view kHelp = R"(milepost $0 [FLAGS] JOB

$1

  milepost $0 job:42                      ask, and do not wait for what becomes of it
  milepost $0 --wait job:42               ask, and wait until the worker has done it or refuses
  milepost $0 --reason='too slow' --deadline=10s job:42

The request is in the log when this command ends: a worker that is just reconnecting gets it, and so does one whose
service is restarted. Asking again while a request is open is the same request.
Exit status: 0 the request was made (--wait: and honoured), 1 it could not be made, was refused or timed out, 2 for bad
flags.

)";

absl::string_view Explanation(v1::Control::Action action) {
  switch (action) {
    case v1::Control::CANCEL:
      return "Asks a job's worker to end the job. milepost run interrupts its command: SIGINT, then SIGTERM, and SIGKILL at the\n"
             "deadline. The job is CANCELLING until its command has ended, then CANCELLED.";
    case v1::Control::PAUSE:
      return "Asks a job's worker to hold. milepost run stops its command (SIGSTOP) until milepost resume.";
    case v1::Control::RESUME:
      return "Asks the worker of a paused job to go on.";
    default:
      return "Asks for another attempt of a job that failed or was cancelled. milepost run --keep waits for that and runs its\n"
             "command again.";
  }
}

struct ControlFlags {
  std::string job;
  std::optional<std::string> reason;
  int64_t deadline = 0;  // milliseconds from now; 0: the service's default
  bool wait = false;
  std::string eventd = std::string(kDefaultAddress);
  int64_t timeout = 10000;
};

// Follows the job from before the request is made. The subscriber's thread tells, the main thread waits. Thread-safe by
// `mutex_`.
class Follower {
 public:
  explicit Follower(const ControlFlags& flags)
      : address_(flags.eventd),
        subscriber_({.address = flags.eventd,
                     .subscription = {.resources = {flags.job}, .types = {"job-control"}},
                     .on_delivery = [this](const client::Delivery& delivery) { OnDelivery(delivery); },
                     .on_connection = [this](bool connected, const absl::Status& why) { OnConnection(connected, why); },
                     .on_refused = [this](const absl::Status& why) { OnFault(why); }}) {}

  // Until it follows. What happens from then on is not missed.
  absl::Status WaitUntilFollowing(Clock::time_point until) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_until(lock, until, [this] { return following_ || !fault_.ok(); })) return fault_;
    return away_.ok() ? absl::DeadlineExceededError("no answer in time") : away_;
  }

  // The end of the request.
  absl::StatusOr<v1::Control> WaitForEnd(uint64_t request) {
    std::unique_lock lock(mutex_);
    std::optional<v1::Control> news;
    changed_.wait(lock, [&] {
      news = watch_.NewsOf(request);
      return (news && IsLast(news->phase())) || !fault_.ok();
    });
    if (news && IsLast(news->phase())) return *news;
    return fault_;
  }

 private:
  void OnDelivery(const client::Delivery& delivery) {
    if (delivery.reset && delivery.reset->reason() != v1::Reset::EXPIRED) {
      return OnFault(absl::DataLossError("the service's log is not the one it was: the request is gone with it"));
    }
    {
      std::lock_guard lock(mutex_);
      for (const v1::ProgressEvent& event : delivery.events) watch_.Take(event);
    }
    changed_.notify_all();
  }

  void OnConnection(bool connected, const absl::Status& why) {
    bool say;
    {
      std::lock_guard lock(mutex_);
      say = following_ && connected != away_.ok();
      following_ = following_ || connected;
      away_ = why;
    }
    changed_.notify_all();
    if (say) std::cerr << "milepost: " << (connected ? "connected again" : absl::StrCat(CallFault(why, address_), "; trying again")) << "\n";
  }

  void OnFault(const absl::Status& why) {
    {
      std::lock_guard lock(mutex_);
      fault_ = why;
    }
    changed_.notify_all();
  }

  const std::string address_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  RequestWatch watch_;
  bool following_ = false;
  absl::Status away_;   // why there is no stream; OK: there is one
  absl::Status fault_;  // why nothing comes any more
  client::Subscriber subscriber_;  // last: its thread uses all of the above
};

v1::ControlJobRequest RequestFor(v1::Control::Action action, const ControlFlags& flags) {
  v1::ControlJobRequest request;
  request.set_job(flags.job);
  request.set_action(action);
  if (flags.reason) request.set_reason(*flags.reason);
  if (flags.deadline > 0) {
    const auto when = std::chrono::system_clock::now().time_since_epoch() + std::chrono::milliseconds(flags.deadline);
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(when).count();
    request.mutable_deadline()->set_seconds(nanoseconds / 1000000000);
    request.mutable_deadline()->set_nanos(static_cast<int32_t>(nanoseconds % 1000000000));
  }
  return request;
}

int Fail(v1::Control::Action action, const absl::Status& status, const ControlFlags& flags) {
  std::cerr << "milepost: cannot " << ActionText(action) << " " << flags.job << ": "
            << (absl::IsNotFound(status) ? "the service knows no such job" : CallFault(status, flags.eventd)) << "\n";
  return kExitFailure;
}

int Control(v1::Control::Action action, const ControlFlags& flags) {
  const std::chrono::milliseconds patience(flags.timeout);
  std::optional<Follower> follower;
  if (flags.wait) {
    follower.emplace(flags);
    const absl::Status status = follower->WaitUntilFollowing(Clock::now() + patience);
    if (!status.ok()) return Fail(action, status, flags);
  }
  const client::JobClient client({.address = flags.eventd, .patience = patience});
  const absl::StatusOr<v1::ControlJobResponse> asked = client.Control(RequestFor(action, flags));
  if (!asked.ok()) return Fail(action, asked.status(), flags);
  v1::Control control;
  control.set_action(action);
  control.set_phase(asked->phase());
  std::cout << flags.job << ": " << ControlText(control) << " (request " << asked->request() << ")\n" << std::flush;
  if (!follower || IsLast(asked->phase())) return !flags.wait || asked->phase() == v1::Control::HONOURED ? 0 : kExitFailure;

  const absl::StatusOr<v1::Control> end = follower->WaitForEnd(asked->request());
  if (!end.ok()) {
    std::cerr << "milepost: what became of it is unknown: " << CallFault(end.status(), flags.eventd) << "\n";
    return kExitFailure;
  }
  std::cout << flags.job << ": " << ControlText(*end) << "\n";
  return end->phase() == v1::Control::HONOURED ? 0 : kExitFailure;
}

int ControlMain(v1::Control::Action action, const std::vector<std::string>& args) {
  const std::string name = ActionText(action);
  ControlFlags flags;
  FlagSet set;
  set.String("reason", &flags.reason, "TEXT", "why, for people; the job's events show it");
  set.Duration("deadline", &flags.deadline, "TIME", "until when the worker may answer; past it the request times out (default: the service's)");
  set.Switch("wait", &flags.wait, "wait for what becomes of the request");
  set.String("eventd", &flags.eventd, "HOST:PORT", absl::StrCat("the event service (default: ", kDefaultAddress, ")"));
  set.Duration("timeout", &flags.timeout, "TIME", "how long to try while the service is away (default: 10s)");
  std::vector<std::string> operands;
  absl::Status status = set.Parse(args, FlagOrder::kAnywhere, &operands);
  if (status.ok() && set.help()) {
    std::cout << absl::Substitute(kHelp, name, Explanation(action)) << set.Describe();
    return 0;
  }
  if (status.ok() && operands.size() != 1) status = absl::InvalidArgumentError("one job is needed, for example job:42");
  if (status.ok()) status = contract::ValidateResource(operands[0], "JOB");
  if (!status.ok()) return BadUsage(name, status);
  flags.job = operands[0];
  return Control(action, flags);
}

}  // namespace

int CancelMain(const std::vector<std::string>& args) { return ControlMain(v1::Control::CANCEL, args); }
int PauseMain(const std::vector<std::string>& args) { return ControlMain(v1::Control::PAUSE, args); }
int ResumeMain(const std::vector<std::string>& args) { return ControlMain(v1::Control::RESUME, args); }
int RetryMain(const std::vector<std::string>& args) { return ControlMain(v1::Control::RETRY, args); }

}  // namespace milepost::tool
