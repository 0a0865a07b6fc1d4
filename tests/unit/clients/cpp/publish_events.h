// Events and answers that the tests of the producer share, in a word each.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "milepost/v1/event.pb.h"
#include "milepost/v1/event_service.pb.h"

namespace milepost::client {

inline v1::ProgressEvent Line(absl::string_view text) {
  v1::ProgressEvent event;
  event.set_job("job:1");
  event.mutable_output()->mutable_line()->set_text(std::string(text));
  return event;
}

inline v1::ProgressEvent Progress(absl::string_view step, double fraction, uint32_t attempt = 1) {
  v1::ProgressEvent event;
  event.set_job("job:1");
  event.set_attempt(attempt);
  event.mutable_progress()->set_step(std::string(step));
  event.mutable_progress()->set_fraction(fraction);
  return event;
}

inline v1::ProgressEvent Running(absl::string_view message = "") {
  v1::ProgressEvent event;
  event.set_job("job:1");
  event.mutable_status()->set_state(v1::JobStatus::RUNNING);
  event.mutable_status()->set_message(std::string(message));
  return event;
}

inline v1::ProgressEvent Completed() {
  v1::ProgressEvent event;
  event.set_job("job:1");
  event.mutable_completed();
  return event;
}

inline std::string Text(const v1::ProgressEvent& event) {
  if (event.has_output()) return event.output().line().text();
  if (event.has_progress()) return absl::StrCat(event.progress().step(), " ", event.progress().fraction());
  return event.has_completed() ? "completed" : event.status().message();
}

inline std::vector<std::string> Texts(const v1::PublishStreamRequest::Batch& batch) {
  std::vector<std::string> texts;
  for (const auto& event : batch.events()) texts.push_back(Text(event));
  return texts;
}

inline v1::PublishStreamResponse Acked(uint64_t number) {
  v1::PublishStreamResponse response;
  response.set_acked(number);
  return response;
}

}  // namespace milepost::client
