#include "tools/milepost/run_job.h"

#include <algorithm>
#include <utility>

namespace milepost::tool {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

RunJob::RunJob(Options options)
    : name_(options.report.job),
      report_(std::move(options.report), [this](v1::ProgressEvent event) { Publish(std::move(event)); }),
      producer_({.address = std::move(options.eventd),
                 .lease = options.lease,
                 .on_command = [this](const Request& request) { OnRequest(request); },
                 .on_delivered = [this](const Request& request) { OnDelivered(request); },
                 .on_lost = [this](const auto& lost) { OnLost(lost); }}) {}

void RunJob::Publish(v1::ProgressEvent event) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  event.mutable_time()->set_seconds(nanoseconds / 1000000000);
  event.mutable_time()->set_nanos(static_cast<int32_t>(nanoseconds % 1000000000));
  producer_.Publish(std::move(event));
}

void RunJob::Begin() {
  std::lock_guard lock(mutex_);
  running_ = true;
  report_.Begin();
}

void RunJob::Output(absl::string_view stream, absl::string_view bytes) {
  std::lock_guard lock(mutex_);
  report_.Output(stream, bytes, Clock::now());
}

void RunJob::Tick() {
  std::lock_guard lock(mutex_);
  report_.Tick(Clock::now());
}

void RunJob::Cancelling(absl::string_view message) {
  std::lock_guard lock(mutex_);
  report_.Cancelling(message);
}

void RunJob::End(const RunOutcome& outcome) {
  std::lock_guard lock(mutex_);
  running_ = false;
  report_.End(outcome, Clock::now());
}

void RunJob::Again() {
  std::lock_guard lock(mutex_);
  report_.Again();
}

std::optional<RunJob::Request> RunJob::TakeRequest() {
  std::lock_guard lock(mutex_);
  asked_.Clear();
  if (requests_.empty()) return std::nullopt;
  Request request = std::move(requests_.front());
  requests_.pop_front();
  if (!requests_.empty()) asked_.Set();
  return request;
}

void RunJob::Honour(const Request& request) { Answer(request, v1::Control::HONOURED, ""); }

void RunJob::Refuse(const Request& request, absl::string_view reason) { Answer(request, v1::Control::REFUSED, reason); }

void RunJob::OnRequest(const Request& request) {
  if (request.job() != name_) return;
  {
    std::lock_guard lock(mutex_);
    if (closing_) return;  // nobody will act on it, and the end of the job ends it
  }
  Answer(request, v1::Control::DELIVERED, "");
}

// The request was open until now. One that had ended while we were away does not come here.
void RunJob::OnDelivered(const Request& request) {
  std::lock_guard lock(mutex_);
  requests_.push_back(request);
  if (requests_.size() > kMaxWaitingRequests) requests_.pop_front();
  asked_.Set();
}

void RunJob::Answer(const Request& request, v1::Control::Phase phase, absl::string_view reason) {
  v1::Control control;
  control.set_request(request.request());
  control.set_action(request.action());
  control.set_phase(phase);
  if (!reason.empty()) control.set_reason(std::string(reason));
  std::lock_guard lock(mutex_);
  report_.Control(control);
}

// The service ended our attempt while we were away. The producer sends what follows as the next one; we say so at its
// begin, and count on from there.
void RunJob::OnLost(const v1::PublishStreamResponse::Lost& lost) {
  std::lock_guard lock(mutex_);
  if (lost.replaced() || report_.attempt() != lost.attempt()) return;
  report_.SetAttempt(lost.attempt() + 1);
  if (running_) report_.Begin();
}

client::ProducerReport RunJob::Close(std::chrono::milliseconds flush) {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  // A service that never answered is not waited for as long as one that is merely slow.
  constexpr std::chrono::milliseconds kPatienceWithSilence{500};
  return producer_.Close(producer_.Report().answered ? flush : std::min(flush, kPatienceWithSilence));
}

}  // namespace milepost::tool
