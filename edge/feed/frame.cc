#include "edge/feed/frame.h"

#include "absl/strings/str_cat.h"
#include "edge/feed/json.h"
#include "proto/contract/cursor.h"
#include "proto/contract/event_name.h"

namespace milepost::edge::feed {
namespace {

std::string ProgressKey(const v1::ProgressEvent& event) {
  if (!event.has_progress()) return "";
  return absl::StrCat(event.job(), "\n", event.has_attempt() ? event.attempt() : 1, "\n", event.progress().step());
}

}  // namespace

std::string Chunk(absl::string_view payload) {
  return absl::StrCat(absl::Hex(payload.size()), "\r\n", payload, "\r\n");
}

Frame::Frame(const v1::ProgressEvent& event, absl::string_view epoch)
    : seq_(event.seq()),
      job_end_(EndOf(event)),
      attempt_(event.has_attempt() ? event.attempt() : 1),
      progress_key_(ProgressKey(event)) {
  // The service refuses such names; a line end here would forge frames, so look again.
  const absl::string_view name = contract::EventName(event);
  type_ = std::string(contract::IsEventName(name) ? name : "unknown");

  names_.reserve(1 + event.resources_size());
  names_.push_back(event.job());
  names_.insert(names_.end(), event.resources().begin(), event.resources().end());

  const std::string json = EventJson(event);
  const std::string head = absl::StrCat("id: ", contract::FormatCursor(epoch, seq_), "\nevent: ", type_, "\ndata: ");
  const std::string size = absl::StrCat(absl::Hex(head.size() + json.size() + 2));
  wire_ = absl::StrCat(size, "\r\n", head, json, "\n\n\r\n");
  json_begin_ = size.size() + 2 + head.size();
  json_size_ = json.size();
}

absl::string_view Frame::unnamed_wire() const {
  std::call_once(unnamed_once_, [this] {
    const absl::string_view wire = wire_;
    const size_t id_begin = wire.find("\r\n") + 2;
    const size_t id_end = wire.find('\n', id_begin) + 1;
    unnamed_wire_ = std::make_unique<const std::string>(
        Chunk(absl::StrCat(wire.substr(id_begin, id_end - id_begin), "data: ", json(), "\n\n")));
  });
  return *unnamed_wire_;
}

}  // namespace milepost::edge::feed
