// What a job's events add up to: the one reduction that the service, its clients and their tests share.
//
// A reader that has a JobState and then every later event of the job has the service's JobState: nothing but the
// events goes in. What the service computes (overall, eta, eta_p90, start_eta) comes with the event. Pure functions;
// safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "milepost/v1/event.pb.h"
#include "milepost/v1/job.pb.h"

namespace milepost::contract {

// Limits of one JobState. Past them the oldest goes; discovered steps past theirs are not listed.
inline constexpr int kMaxStateSteps = 256;
inline constexpr int kMaxStateArtifacts = 100;
inline constexpr int kMaxOutputTail = 20;             // lines
inline constexpr size_t kMaxTailLineBytes = 512;      // of one line; the rest is cut off
inline constexpr size_t kMaxStateMetadataBytes = 16 << 10;  // past it only the newest event's metadata stays

// Attempts count from 1 to this.
inline constexpr uint32_t kMaxAttempt = 1'000'000;

// The attempt that an event is of: absent means 1.
inline uint32_t AttemptOf(const v1::ProgressEvent& event) { return event.has_attempt() ? event.attempt() : 1; }

// True for COMPLETED, FAILED and CANCELLED.
bool HasEnded(v1::JobState::State state);

// True if no attempt follows: COMPLETED, CANCELLED, or FAILED and not retryable.
bool HasEndedForGood(const v1::JobState& state);

// `event`, which follows all that is in `state` and was accepted by the service, goes in. An empty state is that of a job
// nothing was heard of. Leaves `cursor` alone: the caller knows the epoch.
void Reduce(const v1::ProgressEvent& event, v1::JobState* state);

// What the service computed for this event: overall, eta, eta_p90, start_eta. Reduce does that too.
void ReduceEstimates(const v1::ProgressEvent& event, v1::JobState* state);

// Empties what belongs to one attempt and not to the job. All steps stay, untouched again; those that no plan names count
// for nothing until they are touched.
void BeginAttempt(uint32_t attempt, v1::JobState* state);

}  // namespace milepost::contract
