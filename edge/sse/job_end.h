// Whether a job has ended, told from its events.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "edge/feed/source.h"

namespace milepost::edge::sse {

// Among so many newest ends of jobs that carry a name, the end of the job of that name is looked for.
inline constexpr uint32_t kEndEvents = 20;

// The names of the events that end an attempt: what to read, with last = kEndEvents.
const std::vector<std::string>& EndTypes();

// The newest event of the page that is the job's own (others carry its name as a resource), or null.
const feed::Frame* NewestEnd(const feed::Page& ends, const std::string& job);

}  // namespace milepost::edge::sse
