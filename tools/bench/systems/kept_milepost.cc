#include "tools/bench/systems/kept_milepost.h"

#include "absl/strings/str_cat.h"
#include "tools/bench/systems/store_directory.h"

namespace milepost::bench {

absl::StatusOr<KeptMilepost> MakeKeptMilepost(const MilepostOptions& options) {
  KeptMilepost kept;
  MilepostOptions own = options;
  own.log = options.kept_log;
  if (options.kept_log == "rocksdb") {
    auto store = MakeStoreDirectory(options.store_parent);
    if (!store.ok()) return store.status();
    kept.store = *std::move(store);
    own.log = absl::StrCat("rocksdb:", kept.store->path());
  } else {
    own.eventd_flags.insert(own.eventd_flags.begin(), "--retention_mib=4096");
  }
  kept.processes = std::make_unique<MilepostProcesses>(own);
  return kept;
}

}  // namespace milepost::bench
