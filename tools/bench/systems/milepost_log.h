// milepost-eventd alone, as a log that acknowledges.
#pragma once

#include <memory>

#include "tools/bench/systems/system.h"

namespace milepost::bench {

// With the log of options.kept_log; a store is removed with the object.
std::unique_ptr<AckedLog> MakeMilepostLog(const MilepostOptions& options);

}  // namespace milepost::bench
