#include "edge/sse/stream_request.h"

#include <functional>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "edge/sse/json_text.h"
#include "edge/sse/query.h"
#include "proto/contract/cursor.h"
#include "proto/contract/event_name.h"
#include "proto/contract/resource.h"

namespace milepost::edge::sse {
namespace {

// Members of a watch's object. Past it there is one that is unknown or repeated.
constexpr size_t kMaxWatchMembers = 16;

absl::Status Bad(absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", what));
}

// A list without doubles that grows up to a limit.
class UniqueList {
 public:
  UniqueList(size_t max, absl::string_view past_max) : max_(max), past_max_(past_max) {}

  absl::Status Add(absl::string_view name, std::string item) {
    if (!seen_.insert(item).second) return absl::OkStatus();
    if (items_.size() == max_) return Bad(name, absl::StrCat("more than ", max_, " names: ", past_max_));
    items_.push_back(std::move(item));
    return absl::OkStatus();
  }
  bool Has(absl::string_view item) const { return seen_.contains(item); }
  bool empty() const { return items_.empty(); }
  std::vector<std::string> Take() { return std::move(items_); }

 private:
  const size_t max_;
  const absl::string_view past_max_;
  std::vector<std::string> items_;
  absl::flat_hash_set<std::string> seen_;
};

UniqueList ResourceList() {
  return UniqueList(kMaxStreamResources, "use several streams, or a pattern such as job:*");
}
UniqueList TypeList() { return UniqueList(kMaxStreamTypes, "leave types out to get all"); }

absl::Status AddResource(absl::string_view name, absl::string_view item, UniqueList* list) {
  if (item.empty()) return Bad(name, "an empty item: write names such as job:42 with one comma between them");
  if (absl::Status status = contract::ValidateResourceOrPattern(item, name); !status.ok()) return status;
  return list->Add(name, std::string(item));
}

absl::Status AddType(absl::string_view name, absl::string_view item, UniqueList* list) {
  if (item.empty()) return Bad(name, "an empty item: write names such as job-status with one comma between them");
  if (!contract::IsEventName(item)) {
    return Bad(name, absl::StrCat(contract::Quoted(item), " is no event name: it must match [a-z][a-z0-9-]{0,63}"));
  }
  return list->Add(name, std::string(item));
}

using AddItem = absl::Status (*)(absl::string_view name, absl::string_view item, UniqueList* list);

absl::Status AddSplit(absl::string_view name, absl::string_view value, AddItem add, UniqueList* list) {
  for (absl::string_view item : absl::StrSplit(value, ',')) {
    if (absl::Status status = add(name, item, list); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// One of two words as a bool.
absl::Status SetChoice(absl::string_view name, absl::string_view value, absl::string_view no, absl::string_view yes,
                       bool* out) {
  if (value != no && value != yes) {
    return Bad(name, absl::StrCat(contract::Quoted(value), " is not allowed: write ", no, " or ", yes));
  }
  *out = value == yes;
  return absl::OkStatus();
}

absl::Status SetNumber(absl::string_view name, absl::string_view value, uint32_t min, uint32_t max, uint32_t* out) {
  // SimpleAtoi takes signs and spaces.
  const bool digits = !value.empty() && value.find_first_not_of("0123456789") == absl::string_view::npos;
  uint32_t number = 0;
  if (!digits || !absl::SimpleAtoi(value, &number) || number < min || number > max) {
    return Bad(name, absl::StrCat(contract::Quoted(value), " is not allowed: write a number from ", min, " to ", max));
  }
  *out = number;
  return absl::OkStatus();
}

// What may be long: only so much is kept that it is still longer than any cursor.
std::string KeepCursor(absl::string_view text) { return std::string(text.substr(0, contract::kMaxCursorBytes + 1)); }

// Collects the lists while parameters come in, and checks at the end what only then can be checked.
struct Draft {
  StreamRequest request;
  UniqueList resources = ResourceList();
  UniqueList fresh = ResourceList();
  UniqueList types = TypeList();

  absl::StatusOr<StreamRequest> Finish() {
    if (resources.empty()) return Bad("resources", "none given: name at least one, for example resources=job:42");
    request.fresh = fresh.Take();
    for (const std::string& name : request.fresh) {
      if (!resources.Has(name)) {
        return Bad("fresh", absl::StrCat(contract::Quoted(name), " is not among the resources: add it there too"));
      }
    }
    request.resources = resources.Take();
    request.types = types.Take();
    return std::move(request);
  }
};

// Sets one parameter by its name; nothing if there is none of this name.
using Setter = std::function<std::optional<absl::Status>(absl::string_view name, absl::string_view value)>;

absl::Status ForEachParam(absl::string_view query, absl::string_view known, const Setter& set) {
  absl::StatusOr<std::vector<QueryParam>> params = ParseQuery(query);
  if (!params.ok()) return params.status();
  absl::flat_hash_set<absl::string_view> seen;
  for (const auto& [name, value] : *params) {
    const std::string label = ParamLabel(name);
    if (!seen.insert(name).second && name != "resource") {
      return Bad(label, "given more than once: write it once");
    }
    const std::optional<absl::Status> status = set(name, value);
    if (!status) return Bad(label, absl::StrCat("unknown parameter: ", known));
    if (!status->ok()) return *status;
  }
  return absl::OkStatus();
}

std::optional<absl::Status> SetResources(absl::string_view name, absl::string_view value, UniqueList* resources) {
  if (name != "resources" && name != "resource") return std::nullopt;
  return AddSplit(name, value, AddResource, resources);
}

// The options that all streams have.
std::optional<absl::Status> SetStreamOption(absl::string_view name, absl::string_view value, Draft* draft) {
  StreamRequest& request = draft->request;
  if (name == "last_event_id") {
    request.cursor = KeepCursor(value);
    return absl::OkStatus();
  }
  if (name == "snapshot") return SetChoice(name, value, "0", "1", &request.snapshot);
  if (name == "fresh") return AddSplit(name, value, AddResource, &draft->fresh);
  if (name == "last") return SetNumber(name, value, 1, kMaxLast, &request.last);
  if (name == "types") return AddSplit(name, value, AddType, &draft->types);
  if (name == "progress") return SetChoice(name, value, "all", "latest", &request.latest_progress);
  if (name == "names") return SetChoice(name, value, "0", "1", &request.names);
  if (name == "heartbeat") return SetChoice(name, value, "comment", "event", &request.event_heartbeat);
  return std::nullopt;
}

absl::StatusOr<StreamRequest> Finish(Draft draft, absl::string_view last_event_id) {
  if (!last_event_id.empty()) draft.request.cursor = KeepCursor(last_event_id);
  return draft.Finish();
}

absl::Status ReadText(absl::string_view name, absl::string_view value, std::string* out) {
  if (TypeOf(value) != JsonType::kString) return Bad(name, "must be a string");
  *out = StringValue(value);
  return absl::OkStatus();
}

absl::Status AddJsonList(absl::string_view name, absl::string_view value, AddItem add, UniqueList* list) {
  if (TypeOf(value) != JsonType::kArray) return Bad(name, "must be an array of strings");
  size_t index = 0;
  // Doubles count once, so there may be more items than the limit; the body's size bounds them.
  for (absl::string_view raw : ArrayItems(value, value.size())) {
    const std::string label = absl::StrCat(name, "[", index++, "]");
    std::string item;
    if (absl::Status status = ReadText(label, raw, &item); !status.ok()) return status;
    if (absl::Status status = add(label, item, list); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status SetWatchMember(absl::string_view name, absl::string_view value, Draft* draft) {
  if (name == "resources") return AddJsonList(name, value, AddResource, &draft->resources);
  if (name == "fresh") return AddJsonList(name, value, AddResource, &draft->fresh);
  if (name == "types") return AddJsonList(name, value, AddType, &draft->types);
  if (name != "lastEventId" && name != "progress") {
    return Bad(contract::Quoted(name), "unknown member: resources, fresh, lastEventId, types and progress are known");
  }
  // A client that has no cursor yet may say so.
  if (name == "lastEventId" && TypeOf(value) == JsonType::kNull) return absl::OkStatus();
  std::string text;
  if (absl::Status status = ReadText(name, value, &text); !status.ok()) return status;
  if (name == "progress") return SetChoice(name, text, "all", "latest", &draft->request.latest_progress);
  draft->request.cursor = KeepCursor(text);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StreamRequest> ParseStreamQuery(absl::string_view query, absl::string_view last_event_id) {
  Draft draft;
  const absl::Status status = ForEachParam(
      query,
      "resources, resource, last_event_id, snapshot, fresh, last, types, progress, names and heartbeat are known",
      [&](absl::string_view name, absl::string_view value) {
        const auto set = SetResources(name, value, &draft.resources);
        return set ? set : SetStreamOption(name, value, &draft);
      });
  if (!status.ok()) return status;
  return Finish(std::move(draft), last_event_id);
}

absl::StatusOr<StreamRequest> ParseJobStreamQuery(absl::string_view job, absl::string_view query,
                                                  absl::string_view last_event_id) {
  if (absl::Status status = contract::ValidateResource(job, "job"); !status.ok()) return status;
  Draft draft;
  if (absl::Status status = draft.resources.Add("job", std::string(job)); !status.ok()) return status;
  const absl::Status status = ForEachParam(
      query, "last_event_id, snapshot, fresh, last, types, progress, names and heartbeat are known",
      [&](absl::string_view name, absl::string_view value) { return SetStreamOption(name, value, &draft); });
  if (!status.ok()) return status;
  return Finish(std::move(draft), last_event_id);
}

absl::StatusOr<StreamRequest> ParseWatchBody(absl::string_view json) {
  if (absl::Status status = CheckJson(json); !status.ok()) return Bad("body", status.message());
  if (TypeOf(json) != JsonType::kObject) return Bad("body", "must be a JSON object with the member resources");
  Draft draft;
  absl::flat_hash_set<std::string> seen;
  for (const auto& [name, value] : ObjectMembers(json, kMaxWatchMembers)) {
    if (!seen.insert(name).second) return Bad(contract::Quoted(name), "given more than once: write it once");
    if (absl::Status status = SetWatchMember(name, value, &draft); !status.ok()) return status;
  }
  return Finish(std::move(draft), "");
}

absl::StatusOr<PollRequest> ParsePollQuery(absl::string_view query) {
  PollRequest request;
  UniqueList resources = ResourceList();
  UniqueList types = TypeList();
  const absl::Status status = ForEachParam(
      query, "resources, resource, after, wait and types are known",
      [&](absl::string_view name, absl::string_view value) -> std::optional<absl::Status> {
        if (name == "after") {
          request.after = KeepCursor(value);
          return absl::OkStatus();
        }
        if (name == "wait") return SetNumber(name, value, 0, kMaxWaitSeconds, &request.wait_s);
        if (name == "types") return AddSplit(name, value, AddType, &types);
        return SetResources(name, value, &resources);
      });
  if (!status.ok()) return status;
  if (resources.empty()) return Bad("resources", "none given: name at least one, for example resources=job:42");
  request.resources = resources.Take();
  request.types = types.Take();
  return request;
}

}  // namespace milepost::edge::sse
