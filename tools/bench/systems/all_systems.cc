#include "tools/bench/systems/milepost_system.h"
#include "tools/bench/systems/nchan_system.h"
#include "tools/bench/systems/redis_log.h"
#include "tools/bench/systems/relay_systems.h"
#include "tools/bench/systems/system.h"

namespace milepost::bench {

std::vector<SystemKind> AllSystems(const MilepostOptions& milepost) {
  MilepostOptions automatic = milepost;
  automatic.edge_threads = 0;
  return {FloorKind("floor", 0),
          FloorKind("floor-2ms", 2),
          NchanKind(),
          WebSocketKind(),
          RedisKind(milepost.store_parent),
          MilepostKind("milepost", milepost),
          MilepostKind("milepost-auto", automatic)};
}

}  // namespace milepost::bench
