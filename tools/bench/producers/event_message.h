// The bench's event as a protobuf message, for what speaks Milepost's own contract.
#pragma once

#include <cstddef>

#include "milepost/v1/event.pb.h"
#include "tools/bench/wire/event_mark.h"

namespace milepost::bench {

// Makes `out` the step-progress event that `event` stands for; if event.ends, the job's completion, with the mark in its
// message too. The message is padded so that `out` takes about `bytes` on the wire (three more or less); fewer
// than it takes anyway: no padding. Keeps the memory that `out` has.
void FillEvent(const BenchEvent& event, size_t bytes, v1::ProgressEvent& out);

}  // namespace milepost::bench
