// Events and a whole commit path for the tests of the service's pure rooms.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "milepost/v1/event.pb.h"
#include "services/history/memory_history.h"
#include "services/hub/hub.h"
#include "services/log/embedded_log.h"

namespace milepost::testing {

inline v1::ProgressEvent MakeNotice(const std::string& job, const std::vector<std::string>& resources = {}) {
  v1::ProgressEvent event;
  event.set_job(job);
  for (const auto& name : resources) event.add_resources(name);
  event.mutable_notice()->set_text("x");
  return event;
}

inline v1::ProgressEvent MakeProgress(const std::string& job, const std::string& step) {
  v1::ProgressEvent event;
  event.set_job(job);
  event.mutable_progress()->set_step(step);
  return event;
}

// History, hub and embedded log with a clock that stands still unless it is moved.
struct CommitPath {
  explicit CommitPath(history::Retention retention = {})
      : history(retention), hub(&history, "testtest"), log(&history, &hub, [this] { return now; }) {}

  // The outcome of one record. For one thread only: then the embedded log answers before Append returns.
  log::Outcome Append(log::Record record) {
    log::Outcome outcome;
    std::vector<log::Record> records;
    records.push_back(std::move(record));
    log.Append(std::move(records), [&](std::vector<log::Outcome> outcomes) { outcome = outcomes.at(0); });
    return outcome;
  }

  log::Outcome Append(const v1::ProgressEvent& event) {
    return Append(log::Record{.event = std::make_unique<v1::ProgressEvent>(event)});
  }

  int64_t now = 1'000'000'000;
  history::MemoryHistory history;
  hub::Hub hub;
  log::EmbeddedLog log;
};

}  // namespace milepost::testing
