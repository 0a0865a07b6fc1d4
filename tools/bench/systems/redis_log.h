// Redis with an append-only file that is synced before each answer: the yardstick of durable publishing.
#pragma once

#include <string>

#include "tools/bench/systems/system.h"

namespace milepost::bench {

// Debian's redis-server with its files in a directory of its own under `store_parent`.
SystemKind RedisKind(const std::string& store_parent);

}  // namespace milepost::bench
