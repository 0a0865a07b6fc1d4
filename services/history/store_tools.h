// Work on stores that no service has open for writing through this process: look, read, check, copy.
//
// A store may be in use meanwhile: what is seen is the store as it was when the call began. Errors are those of
// RocksHistory::Open. The functions are safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/history/history.h"
#include "services/history/store_meta.h"

namespace milepost::history {

struct StoreInfo {
  uint64_t format = 0;
  std::vector<Epoch> epochs;    // oldest first
  uint64_t floor = 0;           // records up to it are gone
  uint64_t head = 0;            // the newest record
  uint64_t acked = 0;           // the newest record that was made durable
  uint64_t views = 0;           // the record up to which views are kept
  uint64_t segments = 0;        // closed ones
  uint64_t record_bytes = 0;    // of the encoded records in them
  uint64_t disk_bytes = 0;      // of the files
  int64_t oldest_nanos = 0;     // commit times of the first and the last record; 0 if there is none
  int64_t newest_nanos = 0;
};

// Cheap, however large the store is.
absl::StatusOr<StoreInfo> InspectStore(const std::string& dir);

// Tells how far a long call is, now and then.
using Progress = std::function<void(uint64_t done, uint64_t total)>;

// Calls `event` for each kept event after `after`, in order, until it returns false. `names` null: all.
absl::Status DumpStore(const std::string& dir, uint64_t after, const NameSet* names,
                       const std::function<bool(const StoredEvent&)>& event);

struct StoreCounts {
  uint64_t records = 0;
  uint64_t events = 0;
  uint64_t record_bytes = 0;
  uint64_t index_rows = 0;
  uint64_t view_rows = 0;
};

// Reads everything, and calls `fault` with a sentence for each thing that is broken. Not OK: it cannot be opened.
absl::StatusOr<StoreCounts> VerifyStore(const std::string& dir, const std::function<void(std::string)>& fault,
                                        const Progress& progress);

enum class CopyAs {
  kBackup,   // every row as it is
  kRecords,  // records are read and checked, and the index is made anew from them
};

// Makes a store at `to`, where nothing may be. It appears there whole, or not at all.
absl::StatusOr<StoreCounts> CopyStore(const std::string& from, const std::string& to, CopyAs as, const Progress& progress);

}  // namespace milepost::history
