// The process's log: one line an event on standard error, as text or JSON.
#pragma once

namespace milepost::edge {

// Sets spdlog up. Called once, before threads are started.
void SetUpLogging(bool json);

}  // namespace milepost::edge
