#include "services/jobs/job_list.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/stringpiece.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/job_state.h"
#include "proto/contract/resource.h"

namespace milepost::jobs {
namespace {

using v1::JobState;

int64_t Nanos(const google::protobuf::Timestamp& time) { return time.seconds() * 1'000'000'000 + time.nanos(); }

// The same for texts that differ in case alone: Unicode's full case folding, in no language, so that "STRASSE" is "Straße".
std::string Folded(const std::string& text) {
  if (std::all_of(text.begin(), text.end(), absl::ascii_isascii)) return absl::AsciiStrToLower(text);
  std::string folded;
  icu::StringByteSink<std::string> sink(&folded);
  UErrorCode error = U_ZERO_ERROR;
  icu::CaseMap::utf8Fold(0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink, nullptr, error);
  return U_SUCCESS(error) ? folded : text;
}

bool Holds(const std::string& text, const std::string& folded_query) { return absl::StrContains(Folded(text), folded_query); }

bool HoldsText(const JobState& state, const std::string& folded_query) {
  if (Holds(state.title(), folded_query) || Holds(state.message(), folded_query)) return true;
  return std::any_of(state.labels().begin(), state.labels().end(),
                     [&](const auto& label) { return Holds(label.second, folded_query); });
}

bool InState(JobState::State state, const std::string& wanted) {
  if (wanted == "active") return !contract::HasEnded(state);
  if (wanted == "ended") return contract::HasEnded(state);
  return absl::AsciiStrToLower(JobState::State_Name(state)) == wanted;
}

bool IsState(const std::string& name) {
  JobState::State state;
  return name == "active" || name == "ended" ||
         (name != "state_unspecified" && name == absl::AsciiStrToLower(name) &&
          JobState::State_Parse(absl::AsciiStrToUpper(name), &state));
}

// Of what a page token holds for: a token is of no use with other filters.
uint64_t FilterDigest(const v1::ListJobsRequest& request) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const std::string& filter : {request.resource(), request.kind(), request.state(), request.query()}) {
    for (const char c : filter) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    hash = (hash ^ 0x100) * 1099511628211u;  // no character
  }
  return hash;
}

// The sequence that a page token names; absent if it is none of these filters.
std::optional<uint64_t> ReadPageToken(const v1::ListJobsRequest& request) {
  const absl::string_view token = request.page_token();
  uint64_t created = 0;
  if (!absl::SimpleAtoi(token.substr(0, token.find('-')), &created)) return std::nullopt;
  return token == PageToken(request, created) ? std::optional(created) : std::nullopt;
}

}  // namespace

std::string PageToken(const v1::ListJobsRequest& request, uint64_t created) {
  return absl::StrCat(created, "-", absl::Hex(FilterDigest(request), absl::kZeroPad16));
}

v1::JobCounts Count(const std::vector<JobPtr>& jobs) {
  uint32_t by_state[JobState::State_ARRAYSIZE] = {};
  for (const JobPtr& job : jobs) ++by_state[job->state.state()];
  v1::JobCounts counts;
  counts.set_total(static_cast<uint32_t>(jobs.size()));
  for (int state = 0; state < JobState::State_ARRAYSIZE; ++state) {
    if (by_state[state] == 0 || state == JobState::STATE_UNSPECIFIED) continue;
    (*counts.mutable_by_state())[JobState::State_Name(static_cast<JobState::State>(state))] = by_state[state];
  }
  return counts;
}

std::vector<JobPtr> ForSnapshot(const std::vector<JobPtr>& jobs, absl::string_view resource, int64_t now_nanos) {
  std::vector<JobPtr> shown;
  for (const JobPtr& job : jobs) {
    const bool own = job->name() == resource;
    const bool recent = !contract::HasEnded(job->state.state()) || Nanos(job->state.end_time()) >= now_nanos - kRecentNanos;
    if (!recent && !own) continue;
    if (shown.size() == kMaxSnapshotJobs) {
      if (!own) continue;
      shown.pop_back();
    }
    shown.push_back(job);
  }
  return shown;
}

absl::Status ValidateList(const v1::ListJobsRequest& request) {
  if (request.has_resource()) {
    if (absl::Status status = contract::ValidateResourceOrPattern(request.resource(), "resource"); !status.ok()) return status;
  }
  if (request.has_kind() && !contract::IsKind(request.kind())) {
    return absl::InvalidArgumentError(absl::StrCat("kind: ", contract::Quoted(request.kind()), " must match [a-z][a-z0-9_-]{0,31}"));
  }
  if (request.has_state() && !IsState(request.state())) {
    return absl::InvalidArgumentError(absl::StrCat("state: ", contract::Quoted(request.state()),
                                                   " is no state: active, ended, queued, running, waiting, paused, "
                                                   "cancelling, stalled, completed, failed or cancelled"));
  }
  if (request.query().size() > kMaxQueryBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("query: has ", request.query().size(), " bytes, at most ", kMaxQueryBytes, " are allowed"));
  }
  if (request.has_page_size() && (request.page_size() < 1 || request.page_size() > kMaxPageSize)) {
    return absl::InvalidArgumentError(absl::StrCat("page_size: ", request.page_size(), " is out of range: 1 to ", kMaxPageSize));
  }
  if (request.has_page_token() && !ReadPageToken(request).has_value()) {
    return absl::InvalidArgumentError(absl::StrCat("page_token: ", contract::Quoted(request.page_token()),
                                                   " is not from an answer of this service to the same filters"));
  }
  return absl::OkStatus();
}

JobPage ListPage(const std::vector<JobPtr>& jobs, const v1::ListJobsRequest& request) {
  const std::string query = Folded(request.query());
  const size_t size = request.has_page_size() ? request.page_size() : kDefaultPageSize;
  uint64_t before = std::numeric_limits<uint64_t>::max();
  if (request.has_page_token()) before = ReadPageToken(request).value_or(before);
  JobPage page;
  std::vector<JobPtr> counted;
  for (const JobPtr& job : jobs) {
    const JobState& state = job->state;
    if (request.has_kind() && state.kind() != request.kind()) continue;
    if (!query.empty() && !HoldsText(state, query)) continue;
    counted.push_back(job);
    if (request.has_state() && !InState(state.state(), request.state())) continue;
    if (job->created >= before) continue;
    if (page.jobs.size() < size) {
      page.jobs.push_back(job);
    } else if (page.next.empty()) {
      page.next = PageToken(request, page.jobs.back()->created);
    }
  }
  page.counts = Count(counted);
  return page;
}

}  // namespace milepost::jobs
