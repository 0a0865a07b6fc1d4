// The bench's own yardsticks: one process each, fed by records on its standard input.
#pragma once

#include "tools/bench/systems/system.h"

namespace milepost::bench {

// Bare send() of ready frames; see servers/floor_server.h. `flush_ms` 0: every frame by itself.
SystemKind FloorKind(const std::string& name, int flush_ms);
// Boost.Beast WebSocket; see servers/websocket_server.h.
SystemKind WebSocketKind();

}  // namespace milepost::bench
