// Milepost itself: milepost-eventd and milepost-edge.
#pragma once

#include "tools/bench/systems/system.h"

namespace milepost::bench {

SystemKind MilepostKind(const std::string& name, const MilepostOptions& options);

}  // namespace milepost::bench
