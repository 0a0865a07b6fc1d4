#include "edge/feed/json.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"

namespace milepost::edge::feed {
namespace {

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
  std::string json;
  if (google::protobuf::util::MessageToJsonString(event, &json).ok()) return json;
  v1::ProgressEvent rest;
  rest.set_job(event.job());
  rest.set_seq(event.seq());
  return MessageJson(rest);
}

std::string SnapshotJson(const v1::Snapshot& snapshot) {
  std::string jobs;
  for (const v1::JobState& job : snapshot.jobs()) absl::StrAppend(&jobs, jobs.empty() ? "" : ",", MessageJson(job));
  std::string by_state;
  for (const auto& [state, count] : snapshot.counts().by_state()) {
    absl::StrAppend(&by_state, by_state.empty() ? "" : ",", JsonString(state), ":", count);
  }
  return absl::StrCat(R"({"type":"snapshot","resource":)", JsonString(snapshot.resource()), R"(,"cursor":)",
                      JsonString(snapshot.cursor()), R"(,"jobs":[)", jobs, R"(],"counts":{"byState":{)", by_state,
                      R"(},"total":)", snapshot.counts().total(), R"(},"more":)", snapshot.more() ? "true" : "false",
                      "}");
}

void AppendJsonString(absl::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = text[i];
    switch (c) {
      case '"':
        out.append("\\\"");
        break;
      case '\\':
        out.append("\\\\");
        break;
      case '\b':
        out.append("\\b");
        break;
      case '\f':
        out.append("\\f");
        break;
      case '\n':
        out.append("\\n");
        break;
      case '\r':
        out.append("\\r");
        break;
      case '\t':
        out.append("\\t");
        break;
      default:
        if (c < 0x20 || c == 0x7f || c == '<' || c == '>') {
          out.append("\\u00");
          out.push_back(kHex[c >> 4]);
          out.push_back(kHex[c & 15]);
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

}  // namespace milepost::edge::feed
