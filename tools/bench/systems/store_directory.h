// Directories for logs that are to survive.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/bench/systems/child_process.h"

namespace milepost::bench {

// A fresh directory under `parent`. INVALID_ARGUMENT if that lies in memory (tmpfs), where a sync costs nothing and
// means nothing; UNAVAILABLE if it cannot be made.
absl::StatusOr<std::unique_ptr<ScratchDirectory>> MakeStoreDirectory(const std::string& parent);

// Makes the kernel forget what it has cached of the files below `directory`. Only what is on disk can be forgotten.
void DropCachedFiles(const std::string& directory);

// Bytes on disk of the files below `directory`.
int64_t BytesBelow(const std::string& directory);

}  // namespace milepost::bench
