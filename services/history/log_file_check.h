// Checks of RocksDB's own logs, which RocksDB itself does not make.
//
// RocksDB takes a record whose length does not fit for the end of a file. In the manifest, which lists the files of a
// store, that is a silent loss: files that the lost end listed are deleted. So the files are read before RocksDB does.
// The format: RocksDB's wiki, "Write Ahead Log File Format".
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace milepost::history {

// What one file holds.
struct LogFileEnds {
  uint64_t good = 0;   // where the last whole record ends
  bool torn = false;   // a record that is not whole follows, as after a crash while it was written
  bool broken = false; // a record follows that cannot be one
};

// Pure; safe from any thread.
LogFileEnds CheckLogFile(absl::string_view bytes);

// DATA_LOSS if the manifest in use, or a log that is not the newest, is damaged; or if the manifest is number
// `known_manifest` and is shorter than `known_size`. OK for a directory without a store.
absl::Status CheckLogFiles(const std::string& dir, uint64_t known_manifest, uint64_t known_size);

// 27 for "MANIFEST-000027", with or without what stands before; 0 if it is no manifest.
uint64_t ManifestNumber(absl::string_view name);

}  // namespace milepost::history
