#include "services/rpc/job_keeper.h"

#include <chrono>
#include <utility>

#include "services/rpc/publish_stream.h"

namespace milepost::rpc {
namespace {

constexpr size_t kMaxSayings = 1000;  // of one append

int64_t WallNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

JobKeeper::JobKeeper(hub::Hub* hub, int64_t lost_after_nanos) : hub_(hub), watch_(lost_after_nanos) {}

void JobKeeper::Start(log::Log* log) {
  log_ = log;
  hub_->SetJobsListener([this](const jobs::JobChanges& changes) { OnJobs(changes); });
  for (const jobs::JobPtr& job : hub_->AllJobs()) {
    if (job->producer.empty()) continue;
    const bool released = hub_->Released(job->producer);
    const int64_t lease = hub_->LeaseNanos(job->producer);
    const std::lock_guard lock(mutex_);
    watch_.OnKnown(job->producer, lease);
    if (released) watch_.OnDisconnected(job->producer, true, SteadyNanos());
  }
}

void JobKeeper::OnJobs(const jobs::JobChanges& changes) {
  jobs::Words words;
  {
    const std::lock_guard lock(mutex_);
    words = watch_.OnJobs(changes, SteadyNanos());
    queues_.OnJobs(changes, SteadyNanos());
  }
  Send(words);
  Say(std::move(words.sayings));
}

void JobKeeper::Tick() {
  const auto streams = producers_.All();
  std::vector<jobs::Saying> sayings, places;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [producer, stream] : streams) watch_.OnHeard(producer, stream->heard_at());
    sayings = watch_.Due(SteadyNanos(), WallNanos());
    places = queues_.Due(SteadyNanos());
  }
  Say(std::move(sayings));
  Say(std::move(places));
}

void JobKeeper::OnSlept() {
  const std::lock_guard lock(mutex_);
  watch_.OnSlept(SteadyNanos());
}

std::shared_ptr<PublishStreamReactor> JobKeeper::Connect(const std::string& producer, int64_t lease_nanos,
                                                         const std::shared_ptr<PublishStreamReactor>& stream) {
  auto before = producers_.TakeOver(producer, stream);
  const std::lock_guard lock(mutex_);
  watch_.OnConnected(producer, lease_nanos, SteadyNanos());
  return before;
}

void JobKeeper::Disconnect(const std::string& producer, bool clean, const PublishStreamReactor* stream) {
  if (!producers_.Leave(producer, stream)) return;
  {
    const std::lock_guard lock(mutex_);
    watch_.OnDisconnected(producer, clean, stream->heard_at());
  }
  if (!clean) return;
  // In the log too, so that a service that starts later does not wait for it.
  std::vector<log::Record> records(1);
  records[0].producer = producer;
  log_->Append(std::move(records), [](const std::vector<log::Outcome>&) {});
}

void JobKeeper::Greet(const std::string& producer, v1::PublishStreamResponse* reply) {
  const std::lock_guard lock(mutex_);
  for (jobs::Command& command : watch_.CommandsFor(producer, WallNanos())) *reply->add_commands() = std::move(command.command);
  for (auto& lost : watch_.LostBy(producer)) *reply->add_lost() = std::move(lost);
}

// What could not be stored, or came too late, is found missing by the watch, or by nobody.
void JobKeeper::Say(std::vector<jobs::Saying> sayings) {
  for (size_t from = 0; from < sayings.size(); from += kMaxSayings) {
    std::vector<log::Record> records;
    for (size_t i = from; i < sayings.size() && i < from + kMaxSayings; ++i) {
      log::Record& record = records.emplace_back();
      record.bytes = sayings[i].event.ByteSizeLong();
      record.event = std::make_unique<v1::ProgressEvent>(std::move(sayings[i].event));
      record.only_after = sayings[i].only_after;
    }
    log_->Append(std::move(records), [](const std::vector<log::Outcome>&) {});
  }
}

void JobKeeper::Send(const jobs::Words& words) {
  for (const jobs::Command& command : words.commands) {
    if (const auto stream = producers_.Find(command.producer)) stream->Send(command.command);
  }
  for (const jobs::Loss& loss : words.losses) {
    if (const auto stream = producers_.Find(loss.producer)) stream->Send(loss.lost);
  }
}

}  // namespace milepost::rpc
