// nginx with the nchan module, as Debian has them (packages nginx and libnginx-mod-nchan).
#pragma once

#include "tools/bench/systems/system.h"

namespace milepost::bench {

// One worker, a configuration of its own in a scratch directory, one channel a job; published to by HTTP POST
// over a few keep-alive connections, read as text/event-stream.
SystemKind NchanKind();

}  // namespace milepost::bench
