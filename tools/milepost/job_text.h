// Words for a job's state that more than one subcommand shows. Pure functions; safe from any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include "milepost/v1/job.pb.h"

namespace milepost::tool {

using WallTime = std::chrono::system_clock::time_point;

WallTime ToTime(const google::protobuf::Timestamp& timestamp);

// "40%": rounded down, so that it is 100 only at the end.
std::string PercentText(double fraction);
// "0:07", "12:34", "1:02:03"; days count as hours.
std::string ClockText(std::chrono::seconds time);
// About as exact as it is worth: "41s", "12m", "2h05m", "3d4h".
std::string SpanText(std::chrono::seconds time);

// "RUNNING", "COMPLETED", …; "SKIPPED" for a job that completed because nothing needed doing. Empty: unknown.
std::string StateText(const v1::JobState& job);
// What to tell people of the job now: why it stalled or failed, else its message. Empty: nothing.
std::string MessageText(const v1::JobState& job);
// "3 before it, starts in 2m", for a QUEUED job of which that is known; else empty.
std::string QueueText(const v1::JobState& job, WallTime now);

// What is left at `now` of a time that counts from the job's newest event; never below zero.
std::chrono::seconds Left(const google::protobuf::Duration& span, const v1::JobState& job, WallTime now);
// Time to the end, if it is known and not over. Not for a job that has ended, nor for one that stands still: nobody knows
// for how long.
std::optional<std::chrono::seconds> EtaOf(const v1::JobState& job, WallTime now);

}  // namespace milepost::tool
