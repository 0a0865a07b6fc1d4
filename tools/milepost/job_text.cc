#include "tools/milepost/job_text.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/contract/job_state.h"

namespace milepost::tool {

using std::chrono::seconds;

WallTime ToTime(const google::protobuf::Timestamp& timestamp) {
  const auto time = seconds(timestamp.seconds()) + std::chrono::nanoseconds(timestamp.nanos());
  return WallTime(std::chrono::duration_cast<WallTime::duration>(time));
}

std::string PercentText(double fraction) {
  const double percent = std::clamp(fraction, 0.0, 1.0) * 100;
  return absl::StrFormat("%d%%", static_cast<int>(std::floor(percent + 1e-9)));
}

std::string ClockText(seconds time) {
  const int64_t count = std::max<int64_t>(0, time.count());
  if (count < 3600) return absl::StrFormat("%d:%02d", count / 60, count % 60);
  return absl::StrFormat("%d:%02d:%02d", count / 3600, count / 60 % 60, count % 60);
}

std::string SpanText(seconds time) {
  const int64_t count = std::max<int64_t>(0, time.count());
  constexpr int64_t kMinute = 60, kHour = 3600, kDay = 86400;
  if (count < 2 * kMinute) return absl::StrCat(count, "s");
  if (count < 2 * kHour) return absl::StrCat(count / kMinute, "m");
  if (count < 2 * kDay) return absl::StrFormat("%dh%02dm", count / kHour, count / kMinute % 60);
  return absl::StrFormat("%dd%dh", count / kDay, count / kHour % 24);
}

std::string StateText(const v1::JobState& job) {
  if (job.state() == v1::JobState::STATE_UNSPECIFIED) return "";
  if (job.state() == v1::JobState::COMPLETED && job.skipped()) return "SKIPPED";
  return v1::JobState::State_Name(job.state());
}

std::string MessageText(const v1::JobState& job) {
  if (job.has_stalled_reason()) return job.stalled_reason();
  if (!job.has_error()) return job.message();
  return absl::StrCat(job.error().code(), job.error().has_message() ? ": " : "", job.error().message());
}

std::string QueueText(const v1::JobState& job, WallTime now) {
  if (job.state() != v1::JobState::QUEUED) return "";
  std::string text;
  if (job.has_queue_position()) text = job.queue_position() == 0 ? "next" : absl::StrCat(job.queue_position(), " before it");
  if (job.has_start_eta()) absl::StrAppend(&text, text.empty() ? "" : ", ", "starts in ", SpanText(Left(job.start_eta(), job, now)));
  return text;
}

seconds Left(const google::protobuf::Duration& span, const v1::JobState& job, WallTime now) {
  // The clock here may be behind the service's.
  const double passed = job.has_update_time() ? std::max(0.0, std::chrono::duration<double>(now - ToTime(job.update_time())).count()) : 0;
  const double left = static_cast<double>(span.seconds()) + span.nanos() / 1e9 - passed;
  return seconds(std::max<int64_t>(0, std::llround(left)));
}

std::optional<seconds> EtaOf(const v1::JobState& job, WallTime now) {
  const bool stands = job.state() == v1::JobState::PAUSED || job.state() == v1::JobState::STALLED || job.state() == v1::JobState::WAITING;
  if (!job.has_eta() || stands || contract::HasEnded(job.state())) return std::nullopt;
  const seconds left = Left(job.eta(), job, now);
  return left > seconds(0) ? std::optional(left) : std::nullopt;
}

}  // namespace milepost::tool
