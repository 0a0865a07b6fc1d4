// What a World holds against the bytes that leave.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/cursor.h"
#include "tests/unit/edge/sse/session_world.h"

namespace milepost::edge::sse {
namespace {

// The value of a member of the small JSON objects that streams send.
std::string Member(const std::string& json, const std::string& name) {
  const std::string key = absl::StrCat("\"", name, "\":\"");
  const size_t at = json.find(key);
  if (at == std::string::npos) return "";
  const size_t begin = at + key.size();
  return json.substr(begin, json.find('"', begin) - begin);
}

}  // namespace

void World::CheckNothingMissed(Client& client, uint64_t through) {
  for (uint64_t seq = client.position + 1; seq <= std::min(through, head()); ++seq) {
    const feed::Frame& frame = *FrameAt(seq);
    if (!client.request.types.empty() && frame.type() != client.request.types[0]) continue;
    if (client.request.latest_progress && !frame.progress_key().empty()) continue;  // may have been superseded
    for (const std::string& name : client.request.resources) {
      if (!Matches(seq, name)) continue;
      const auto snapshot = client.snapshot_at.find(name);
      if (snapshot != client.snapshot_at.end() && seq <= snapshot->second) continue;
      Fault(absl::StrCat("event ", seq, " of ", name, " missed between ", client.position, " and ", through, " by a reader of ",
                         client.Name()));
    }
  }
}

void World::CheckStreamFrame(Client& client, const test::SseFrame& frame, const std::string& type) {
  if (type == "connected") {
    const auto cursor = contract::ParseCursor(Member(frame.data, "cursor"));
    if (!cursor) return Fault("connected without a cursor");
    if (frame.own_id) return Fault("connected with an id");
    client.placed = cursor->epoch == epoch_;
    client.position = cursor->seq;
    const auto asked = contract::ParseCursor(client.request.cursor);
    client.reset_due = asked && asked->epoch != cursor->epoch && client.request.fresh.size() < client.request.resources.size();
  } else if (type == "reset") {
    if (frame.own_id) return Fault("reset with an id");
    client.placed = client.reset_due = false;
    client.position = 0;
    client.snapshot_at.clear();
  } else if (type == "snapshot") {
    const auto at = contract::ParseCursor(Member(frame.data, "cursor"));
    if (at->epoch != epoch_) return;
    client.snapshot_at[Member(frame.data, "resource")] = at->seq;
    if (!frame.own_id) return;
    // The id says that all up to it was delivered, by the snapshots or before them.
    // Snapshots that a slow reader got later may be newer than that.
    const auto id = contract::ParseCursor(frame.id);
    if (id->seq > at->seq) return Fault("a snapshot older than its id");
    if (client.placed) CheckNothingMissed(client, id->seq);
    client.placed = true;
    client.position = std::max(client.position, id->seq);
  }
}

void World::CheckEvent(Client& client, uint64_t seq) {
  if (seq <= client.position) {
    Fault(absl::StrCat("event ", seq, " again, or out of order, after ", client.position, " for a reader of ",
                       client.Name()));
  }
  CheckNothingMissed(client, seq - 1);
  client.position = seq;
  if (!MatchesAny(seq, client.request.resources)) Fault(absl::StrCat("event ", seq, " of none of the resources"));
  const auto& types = client.request.types;
  if (!types.empty() && FrameAt(seq)->type() != types[0]) Fault("an event of a type that was not asked for");
}

void World::Check(Client& client) {
  if (!client.decoder.error().empty()) Fault(client.decoder.error());
  for (const test::SseFrame& frame : std::exchange(client.decoder.frames(), {})) {
    if (!client.request.names && !frame.event.empty()) Fault("an event line although names=0");
    const auto id = frame.own_id ? contract::ParseCursor(frame.id) : std::nullopt;
    if (frame.own_id && !id) return Fault(absl::StrCat("no cursor as id: ", frame.id));
    // After a restart of the service a stream may speak of the log that is gone until it is reset.
    const bool stale = id && id->epoch != epoch_;
    const std::string type = frame.has_data ? Member(frame.data, "type") : "heartbeat";
    if (id && client.reset_due) return Fault(absl::StrCat("a cursor of another epoch was honoured: ", client.Name()));
    if (type == "heartbeat") {
      if (stale || !client.placed) continue;
      CheckNothingMissed(client, id->seq);
      client.position = std::max(client.position, id->seq);
    } else if (!type.empty()) {
      CheckStreamFrame(client, frame, type);
    } else {
      ++delivered_;
      if (!id) return Fault("an event without an id");
      if (!stale && client.placed) CheckEvent(client, id->seq);
    }
  }
}

}  // namespace milepost::edge::sse
