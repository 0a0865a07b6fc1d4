#include "edge/http/job_request.h"

#include <google/protobuf/util/time_util.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "edge/sse/json_text.h"
#include "edge/sse/query.h"
#include "proto/contract/resource.h"

namespace milepost::edge::http {
namespace {

// Members of a control's body. Past it there is one that is unknown or repeated.
constexpr size_t kMaxControlMembers = 8;

absl::Status Bad(absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", what));
}

// The parameters, each once.
absl::StatusOr<std::vector<sse::QueryParam>> Parameters(absl::string_view query) {
  absl::StatusOr<std::vector<sse::QueryParam>> params = sse::ParseQuery(query);
  if (!params.ok()) return params.status();
  std::set<absl::string_view> seen;
  for (const auto& [name, value] : *params) {
    if (!seen.insert(name).second) return Bad(sse::ParamLabel(name), "given more than once: write it once");
    // gRPC carries no other text; quoting replaces what is none.
    if (sse::StringValue(sse::JsonQuote(value)) != value) return Bad(sse::ParamLabel(name), "is not valid UTF-8");
  }
  return params;
}

absl::Status NoParameters(absl::string_view query) {
  const auto params = Parameters(query);
  if (!params.ok()) return params.status();
  if (params->empty()) return absl::OkStatus();
  return Bad(sse::ParamLabel(params->front().first), "unknown parameter: none is known here");
}

absl::Status SetPageSize(const std::string& value, v1::ListJobsRequest* request) {
  // SimpleAtoi takes signs and spaces.
  const bool digits = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
  uint32_t size = 0;
  if (!digits || !absl::SimpleAtoi(value, &size) || size < 1 || size > kMaxPageSize) {
    return Bad("page_size",
               absl::StrCat(contract::Quoted(value), " is not allowed: write a number from 1 to ", kMaxPageSize));
  }
  request->set_page_size(size);
  return absl::OkStatus();
}

absl::Status SetListParameter(const std::string& name, const std::string& value, v1::ListJobsRequest* request) {
  if (name == "page_size") return SetPageSize(value, request);
  if (name == "resource") {
    request->set_resource(value);
    return contract::ValidateResourceOrPattern(value, name);
  }
  if (name == "kind") {
    request->set_kind(value);
    if (contract::IsKind(value)) return absl::OkStatus();
    return Bad(name, absl::StrCat(contract::Quoted(value), " is no kind: it must match [a-z][a-z0-9_-]{0,31}"));
  }
  if (name == "state") {
    request->set_state(value);
  } else if (name == "query") {
    request->set_query(value);
  } else if (name == "page_token") {
    request->set_page_token(value);
  } else {
    return Bad(sse::ParamLabel(name),
               "unknown parameter: resource, kind, state, query, page_size and page_token are known");
  }
  return absl::OkStatus();
}

absl::Status SetControlMember(const std::string& name, absl::string_view value, v1::ControlJobRequest* request) {
  if (name != "reason" && name != "deadline") {
    return Bad(contract::Quoted(name), "unknown member: reason and deadline are known");
  }
  if (sse::TypeOf(value) == sse::JsonType::kNull) return absl::OkStatus();
  if (sse::TypeOf(value) != sse::JsonType::kString) return Bad(name, "must be a string");
  std::string text = sse::StringValue(value);
  if (name == "reason") {
    request->set_reason(std::move(text));
  } else if (!google::protobuf::util::TimeUtil::FromString(text, request->mutable_deadline())) {
    return Bad(name, absl::StrCat(contract::Quoted(text), " is no time: write it as 2026-11-21T12:00:00Z"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::ListJobsRequest> ParseJobList(absl::string_view query) {
  const auto params = Parameters(query);
  if (!params.ok()) return params.status();
  v1::ListJobsRequest request;
  for (const auto& [name, value] : *params) {
    if (absl::Status status = SetListParameter(name, value, &request); !status.ok()) return status;
  }
  return request;
}

absl::StatusOr<v1::GetJobRequest> ParseJobGet(absl::string_view job, absl::string_view query) {
  if (absl::Status status = contract::ValidateResource(job, "job"); !status.ok()) return status;
  if (absl::Status status = NoParameters(query); !status.ok()) return status;
  v1::GetJobRequest request;
  request.set_job(std::string(job));
  return request;
}

absl::StatusOr<v1::ControlJobRequest> ParseControl(absl::string_view job, v1::Control::Action action,
                                                   absl::string_view query, absl::string_view body) {
  if (absl::Status status = contract::ValidateResource(job, "job"); !status.ok()) return status;
  if (absl::Status status = NoParameters(query); !status.ok()) return status;
  v1::ControlJobRequest request;
  request.set_job(std::string(job));
  request.set_action(action);
  if (absl::StripAsciiWhitespace(body).empty()) return request;
  if (absl::Status status = sse::CheckJson(body); !status.ok()) return Bad("body", status.message());
  if (sse::TypeOf(body) != sse::JsonType::kObject) return Bad("body", "must be a JSON object");
  std::set<std::string> seen;
  for (const auto& [name, value] : sse::ObjectMembers(body, kMaxControlMembers)) {
    if (!seen.insert(name).second) return Bad(contract::Quoted(name), "given more than once: write it once");
    if (absl::Status status = SetControlMember(name, value, &request); !status.ok()) return status;
  }
  return request;
}

}  // namespace milepost::edge::http
