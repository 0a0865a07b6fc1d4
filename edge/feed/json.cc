#include "edge/feed/json.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "edge/feed/json_writer.h"
#include "google/protobuf/util/json_util.h"

namespace milepost::edge::feed {
namespace {

// The years that the mapping can write.
bool InRange(const google::protobuf::Timestamp& time) {
  return time.seconds() >= -62'135'596'800 && time.seconds() <= 253'402'300'799 && time.nanos() >= 0 &&
         time.nanos() <= 999'999'999;
}

bool InRange(const google::protobuf::Duration& duration) {
  return std::abs(duration.seconds()) <= 315'576'000'000 && std::abs(duration.nanos()) <= 999'999'999 &&
         (duration.seconds() <= 0 || duration.nanos() >= 0) && (duration.seconds() >= 0 || duration.nanos() <= 0);
}

bool IsHot(const v1::ProgressEvent& event) {
  const bool kind = event.has_progress() || (event.has_output() && event.output().has_line());
  if (!kind || event.has_metadata() || (event.has_overall() && !std::isfinite(event.overall()))) return false;
  if ((event.has_time() && !InRange(event.time())) || (event.has_commit_time() && !InRange(event.commit_time()))) return false;
  if ((event.has_eta() && !InRange(event.eta())) || (event.has_eta_p90() && !InRange(event.eta_p90())) ||
      (event.has_start_eta() && !InRange(event.start_eta()))) {
    return false;
  }
  const v1::StepProgress& progress = event.progress();
  return std::isfinite(progress.fraction()) && std::isfinite(progress.done()) && std::isfinite(progress.total());
}

void WriteProgress(const v1::StepProgress& progress, std::string& out) {
  JsonObject json(out);
  if (!progress.step().empty()) json.String("step", progress.step());
  if (progress.has_fraction()) json.Number("fraction", progress.fraction());
  if (progress.has_done()) json.Number("done", progress.done());
  if (progress.has_total()) json.Number("total", progress.total());
  if (progress.has_unit()) json.String("unit", progress.unit());
  if (progress.has_message()) json.String("message", progress.message());
  json.Close();
}

void WriteLine(const v1::Output::Line& line, std::string& out) {
  JsonObject output(out);
  JsonObject json(output.Member("line"));
  if (line.has_stream()) json.String("stream", line.stream());
  if (!line.text().empty()) json.String("text", line.text());
  json.Close();
  output.Close();
}

// Progress and lines of output are nearly all of the traffic.
std::string HotEventJson(const v1::ProgressEvent& event) {
  std::string out;
  out.reserve(256);
  JsonObject json(out);
  if (!event.job().empty()) json.String("job", event.job());
  if (event.has_seq()) json.Number64("seq", event.seq());
  if (!event.resources().empty()) {
    std::string& list = json.Member("resources");
    char separator = '[';
    for (const std::string& resource : event.resources()) {
      list.push_back(separator);
      AppendJsonString(resource, list);
      separator = ',';
    }
    list.push_back(']');
  }
  if (event.has_time()) json.Time("time", event.time());
  if (event.has_commit_time()) json.Time("commitTime", event.commit_time());
  if (event.has_attempt()) json.Number("attempt", event.attempt());
  if (event.has_correlation_id()) json.String("correlationId", event.correlation_id());
  if (event.has_traceparent()) json.String("traceparent", event.traceparent());
  if (event.has_progress()) {
    WriteProgress(event.progress(), json.Member("progress"));
  } else {
    WriteLine(event.output().line(), json.Member("output"));
  }
  if (event.has_overall()) json.Number("overall", event.overall());
  if (event.has_eta()) json.Duration("eta", event.eta());
  if (event.has_eta_p90()) json.Duration("etaP90", event.eta_p90());
  if (event.has_start_eta()) json.Duration("startEta", event.start_eta());
  json.Close();
  return out;
}

std::string JsonString(absl::string_view text) {
  std::string json;
  AppendJsonString(text, json);
  return json;
}

}  // namespace

std::string MessageJson(const google::protobuf::Message& message) {
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json);
  return status.ok() ? json : "{}";
}

std::string EventJson(const v1::ProgressEvent& event) {
  if (IsHot(event)) return HotEventJson(event);
  std::string json;
  if (google::protobuf::util::MessageToJsonString(event, &json).ok()) return json;
  v1::ProgressEvent rest;
  rest.set_job(event.job());
  rest.set_seq(event.seq());
  return MessageJson(rest);
}

std::string CountsJson(const v1::JobCounts& counts) {
  std::string by_state;
  for (const auto& [state, count] : counts.by_state()) {
    absl::StrAppend(&by_state, by_state.empty() ? "" : ",", JsonString(state), ":", count);
  }
  return absl::StrCat(R"({"byState":{)", by_state, R"(},"total":)", counts.total(), "}");
}

std::vector<std::string> SnapshotFrames(const v1::Snapshot& snapshot) {
  const std::string head = absl::StrCat(R"({"type":"snapshot","resource":)", JsonString(snapshot.resource()), R"(,"cursor":)",
                                        JsonString(snapshot.cursor()), R"(,"jobs":[)");
  const std::string tail = absl::StrCat(R"(],"counts":)", CountsJson(snapshot.counts()), R"(,"more":)");
  const size_t around = head.size() + tail.size() + sizeof("false}");
  std::vector<std::string> frames;
  std::string jobs;
  const auto finish = [&](bool more) {
    frames.push_back(absl::StrCat(head, jobs, tail, more ? "true}" : "false}"));
    jobs.clear();
  };
  for (const v1::JobState& job : snapshot.jobs()) {
    const std::string json = MessageJson(job);
    if (!jobs.empty() && around + jobs.size() + 1 + json.size() > kMaxSnapshotFrameBytes) finish(true);
    absl::StrAppend(&jobs, jobs.empty() ? "" : ",", json);
  }
  finish(snapshot.more());
  return frames;
}

}  // namespace milepost::edge::feed
