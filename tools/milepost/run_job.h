// The job that `milepost run` reports, over all attempts.
#pragma once

#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "clients/cpp/producer.h"
#include "tools/milepost/copy.h"
#include "tools/milepost/run_report.h"

namespace milepost::tool {

// Requests that wait for the main thread; past it the oldest stays unanswered. The service has one open for each action.
inline constexpr size_t kMaxWaitingRequests = 16;

// Carries what a RunReport tells to the service, keeps the job's lease, and collects what the service asks. Thread-safe
// by `mutex_`; the producer's thread keeps the lease and brings requests, whatever the other threads wait for.
class RunJob {
 public:
  using Request = v1::PublishStreamResponse::Command;

  struct Options {
    RunReportOptions report;
    std::string eventd;               // HOST:PORT
    std::chrono::milliseconds lease;  // 1 s to 1 h
  };

  explicit RunJob(Options options);

  // An attempt, from its begin to its end.
  void Begin();
  void Output(absl::string_view stream, absl::string_view bytes);
  void Tick();
  void Cancelling(absl::string_view message);
  void End(const RunOutcome& outcome);
  // The next attempt is about to begin.
  void Again();

  // Readable when there is a request to take.
  int requests_fd() const { return asked_.fd(); }
  // The next request; that it was DELIVERED is in the log.
  std::optional<Request> TakeRequest();
  void Honour(const Request& request);
  void Refuse(const Request& request, absl::string_view reason);

  const std::string& name() const { return name_; }
  // Waits for the service for at most `flush`, and tells what became of the events. Nothing is to be called afterwards.
  client::ProducerReport Close(std::chrono::milliseconds flush);

 private:
  void Publish(v1::ProgressEvent event);
  void OnRequest(const Request& request);
  void OnDelivered(const Request& request);
  void OnLost(const v1::PublishStreamResponse::Lost& lost);
  void Answer(const Request& request, v1::Control::Phase phase, absl::string_view reason);

  const std::string name_;
  Event asked_;
  std::mutex mutex_;
  // Guarded by mutex_.
  RunReport report_;
  std::deque<Request> requests_;
  bool running_ = false;
  bool closing_ = false;
  client::Producer producer_;  // last: its thread uses all of the above
};

}  // namespace milepost::tool
