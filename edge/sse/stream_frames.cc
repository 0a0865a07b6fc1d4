#include "edge/sse/stream_frames.h"

#include "absl/strings/str_cat.h"
#include "edge/feed/frame.h"
#include "edge/feed/json_writer.h"

namespace milepost::edge::sse {
namespace {

using feed::AppendJsonString;

std::string JsonString(absl::string_view text) {
  std::string json;
  AppendJsonString(text, json);
  return json;
}

// A frame up to its data.
std::string Head(absl::string_view id, absl::string_view name, bool names) {
  std::string head;
  if (!id.empty()) absl::StrAppend(&head, "id: ", id, "\n");
  if (names) absl::StrAppend(&head, "event: ", name, "\n");
  absl::StrAppend(&head, "data: ");
  return head;
}

constexpr absl::string_view kFrameEnd = "\n\n";

std::string FrameChunk(absl::string_view id, absl::string_view name, absl::string_view json, bool names) {
  return feed::Chunk(absl::StrCat(Head(id, name, names), json, kFrameEnd));
}

absl::string_view ReasonName(v1::Reset::Reason reason) {
  switch (reason) {
    case v1::Reset::EXPIRED:
      return "expired";
    case v1::Reset::FUTURE:
      return "future";
    case v1::Reset::MALFORMED:
      return "malformed";
    default:
      return "epoch";
  }
}

absl::string_view GoodbyeName(Goodbye reason) {
  switch (reason) {
    case Goodbye::kDraining:
      return "draining";
    case Goodbye::kTokenExpired:
      return "token-expired";
    case Goodbye::kRevoked:
      return "revoked";
    case Goodbye::kShed:
      return "shed";
    case Goodbye::kEnded:
      return "ended";
  }
  return "shed";
}

std::string Rfc3339(absl::Time time) { return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", time, absl::UTCTimeZone()); }

// As protobuf's JSON mapping writes a Duration: "10s", "0.200s".
std::string DurationJson(absl::Duration duration) {
  const int64_t ms = absl::ToInt64Milliseconds(duration);
  if (ms % 1000 == 0) return absl::StrCat(ms / 1000, "s");
  return absl::StrCat(ms / 1000, ".", absl::Dec(ms % 1000, absl::kZeroPad3), "s");
}

}  // namespace

std::string ResponseHead(const std::vector<std::pair<std::string, std::string>>& extra) {
  std::string head =
      "HTTP/1.1 200 OK\r\n"
      "Content-Type: text/event-stream\r\n"
      "Cache-Control: no-store\r\n"
      "X-Accel-Buffering: no\r\n"
      "X-Content-Type-Options: nosniff\r\n"
      "Connection: close\r\n"
      "Transfer-Encoding: chunked\r\n";
  for (const auto& [name, value] : extra) absl::StrAppend(&head, name, ": ", value, "\r\n");
  return head + "\r\n";
}

std::string RetryFrame(uint32_t retry_ms) { return feed::Chunk(absl::StrCat("retry: ", retry_ms, "\n\n")); }

std::string ConnectedFrame(const std::vector<std::string>& resources, absl::string_view cursor,
                           absl::Duration heartbeat, bool names) {
  std::string list;
  for (const std::string& resource : resources) {
    if (!list.empty()) list.push_back(',');
    AppendJsonString(resource, list);
  }
  return FrameChunk("", "connected",
                    absl::StrCat(R"({"type":"connected","resources":[)", list, R"(],"cursor":)", JsonString(cursor),
                                 R"(,"heartbeat":)", JsonString(DurationJson(heartbeat)), "}"),
                    names);
}

std::string ResetJson(v1::Reset::Reason reason, absl::string_view oldest) {
  return absl::StrCat(R"({"type":"reset","reason":")", ReasonName(reason), R"(","oldest":)", JsonString(oldest), "}");
}

std::string ResetFrame(v1::Reset::Reason reason, absl::string_view oldest, bool names) {
  return FrameChunk("", "reset", ResetJson(reason, oldest), names);
}

std::string SnapshotHead(size_t bytes, absl::string_view id, bool names) {
  const std::string head = Head(id, "snapshot", names);
  return absl::StrCat(absl::Hex(head.size() + bytes + kFrameEnd.size()), "\r\n", head);
}

absl::string_view SnapshotTail() { return "\n\n\r\n"; }

std::string IdFrame(absl::string_view id) { return feed::Chunk(absl::StrCat("id: ", id, "\n\n")); }

std::string GoodbyeFrame(Goodbye reason, bool names) {
  return FrameChunk("", "goodbye", absl::StrCat(R"({"type":"goodbye","reason":")", GoodbyeName(reason), "\"}"), names);
}

std::string CommentHeartbeat(absl::Time now, absl::string_view id) {
  return feed::Chunk(absl::StrCat(": keepalive ", Rfc3339(now), "\n", id.empty() ? "" : "id: ", id,
                                  id.empty() ? "" : "\n", "\n"));
}

std::string EventHeartbeat(absl::Time now, absl::string_view id, bool names) {
  return FrameChunk(id, "heartbeat",
                    absl::StrCat(R"({"type":"heartbeat","time":")", Rfc3339(now), R"(","cursor":)", JsonString(id), "}"),
                    names);
}

absl::string_view LastChunk() { return "0\r\n\r\n"; }

}  // namespace milepost::edge::sse
