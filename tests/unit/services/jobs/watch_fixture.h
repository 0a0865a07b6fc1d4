// A watch on a clock that the test moves, and a fold that judges what it says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "services/jobs/fold.h"
#include "services/jobs/watch.h"
#include "tests/support/events.h"

namespace milepost::jobs {

inline constexpr int64_t kMinute = 60 * kSecond;
inline constexpr int64_t kLostAfter = 10 * kMinute;
inline constexpr int64_t kWallStart = int64_t{1'700'000'000} * kSecond;

// A log whose records are seen at once, with what the service says appended to it.
class WatchTest : public ::testing::Test {
 protected:
  Verdict Append(v1::ProgressEvent event, const std::string& producer = "", uint64_t only_after = 0) {
    Input input{.seq = ++seq_, .commit_nanos = kWallStart + now_, .event = &event, .producer = producer, .only_after = only_after};
    if (!producer.empty()) input.number = ++numbers_[producer];
    Verdict verdict = fold_.Apply(input);
    if (verdict.is_event) log_.push_back(event);
    Show(fold_.TakeChanges());
    return verdict;
  }

  void Show(const JobChanges& changes) {
    Words words = watch_.OnJobs(changes, now_);
    commands_.insert(commands_.end(), words.commands.begin(), words.commands.end());
    losses_.insert(losses_.end(), words.losses.begin(), words.losses.end());
    Say(std::move(words.sayings));
  }

  void Say(std::vector<Saying> sayings) {
    for (Saying& saying : sayings) {
      ++said_;
      Append(std::move(saying.event), "", saying.only_after);
    }
  }

  // Time goes on; the producers in `alive` are heard of every second.
  void Pass(int64_t nanos, const std::vector<std::string>& alive = {}) {
    for (const int64_t end = now_ + nanos; now_ < end;) {
      now_ += kSecond;
      for (const std::string& producer : alive) watch_.OnHeard(producer, now_);
      Say(watch_.Due(now_, kWallStart + now_));
    }
  }

  v1::ProgressEvent Status(v1::JobState::State state, const std::string& job = "job:1") {
    v1::ProgressEvent event;
    event.set_job(job);
    event.mutable_status()->set_state(static_cast<v1::JobStatus::State>(state));
    return event;
  }

  uint64_t Ask(v1::Control::Action action, int64_t deadline = kMinute) {
    v1::ProgressEvent event;
    event.set_job("job:1");
    event.mutable_control()->set_action(action);
    event.mutable_control()->set_phase(v1::Control::REQUESTED);
    event.mutable_control()->mutable_deadline()->set_seconds((kWallStart + now_ + deadline) / kSecond);
    return Append(event).seq;
  }

  Verdict Reply(uint64_t request, v1::Control::Action action, v1::Control::Phase phase) {
    v1::ProgressEvent event;
    event.set_job("job:1");
    event.mutable_control()->set_request(request);
    event.mutable_control()->set_action(action);
    event.mutable_control()->set_phase(phase);
    return Append(event, "p");
  }

  v1::ProgressEvent End(bool completed, uint32_t attempt = 1) {
    v1::ProgressEvent event;
    event.set_job("job:1");
    event.set_attempt(attempt);
    completed ? (void)event.mutable_completed() : event.mutable_failed()->set_code("X");
    return event;
  }

  JobPtr Job(const std::string& name = "job:1") {
    JobPtr found;
    fold_.ForEachJob([&](const JobPtr& job) {
      if (job->name() == name) found = job;
    });
    return found;
  }
  v1::JobState::State State() { return Job()->state.state(); }
  // What a producer that begins a stream is asked.
  std::vector<Command> Commands(const std::string& producer) { return watch_.CommandsFor(producer, kWallStart + now_); }
  // The phases that were told of a request, in order.
  std::vector<v1::Control::Phase> Phases(uint64_t request) {
    std::vector<v1::Control::Phase> phases;
    for (const v1::ProgressEvent& event : log_) {
      if (event.has_control() && event.control().request() == request) phases.push_back(event.control().phase());
    }
    return phases;
  }
  int Ends() {
    return std::count_if(log_.begin(), log_.end(), [](const auto& e) { return e.has_failed() || e.has_completed() || e.has_cancelled(); });
  }

  Fold fold_;
  Watch watch_{kLostAfter};
  int64_t now_ = 1000 * kSecond;
  uint64_t seq_ = 0;
  int said_ = 0;
  std::map<std::string, uint64_t> numbers_;
  std::vector<v1::ProgressEvent> log_;
  std::vector<Command> commands_;
  std::vector<Loss> losses_;
};

}  // namespace milepost::jobs
