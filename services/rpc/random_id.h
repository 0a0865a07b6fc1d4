// Random names: of subscriptions, and of a log that lives in memory.
#pragma once

#include <cstddef>
#include <string>

namespace milepost::rpc {

// 128 bits of the system's randomness, as 32 hex digits. Nobody can guess it. Thread-safe.
std::string RandomId();

// A name for a log that begins now: 8 random characters [a-z0-9]. Thread-safe.
std::string RandomEpoch();

}  // namespace milepost::rpc
