// RocksStore: the open RocksDB of a history, its columns and keys. Only this room's sources include it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <rocksdb/db.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/history/store_meta.h"

namespace milepost::history {

// The version of the whole layout, in the store under kFormatKey. A program opens no store of a newer one.
inline constexpr uint64_t kStoreFormat = 1;

// Keys of the column `meta`; numbers are big-endian, so that keys sort as they count.
inline constexpr char kFormatKey[] = "format";  // → kStoreFormat
inline constexpr char kFloorKey[] = "floor";    // → the newest record that is gone
inline constexpr char kViewsKey[] = "views";    // → the record up to which the column `views` holds
inline constexpr char kEpochPrefix = 'E';       // and its place in the list → first record, time, name
inline constexpr char kSegmentPrefix = 'S';     // and its first record → last record, bytes, first and last time

std::string Number(uint64_t number);                 // 8 bytes
uint64_t ReadNumber(absl::string_view bytes);        // of the first 8 bytes; 0 if there are fewer
std::string IndexKey(absl::string_view name, uint64_t seq);
uint64_t SeqOfKey(const rocksdb::Slice& key);        // of its last 8 bytes

std::string EncodeEpoch(const Epoch& epoch);
Epoch DecodeEpoch(absl::string_view bytes);
std::string EncodeSegment(const Segment& segment);
Segment DecodeSegment(uint64_t first, absl::string_view bytes);

inline absl::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }
inline rocksdb::Slice Slice(absl::string_view view) { return {view.data(), view.size()}; }

enum class OpenAs { kWriter, kReader };

// Closed by its destructor. Thread-safe as RocksDB is.
struct RocksStore {
  // `floor`: what lies at or below it goes from the index when the index is compacted.
  static absl::StatusOr<std::unique_ptr<RocksStore>> Open(const std::string& dir, OpenAs as,
                                                          std::shared_ptr<std::atomic<uint64_t>> floor);
  ~RocksStore();

  absl::StatusOr<uint64_t> GetNumber(const char* key) const;  // of `meta`; 0 if it is not there

  std::string dir;
  std::unique_ptr<rocksdb::DB> db;
  rocksdb::ColumnFamilyHandle* meta = nullptr;
  rocksdb::ColumnFamilyHandle* log = nullptr;    // sequence → record
  rocksdb::ColumnFamilyHandle* index = nullptr;  // name, 0, sequence → name of the event's type
  rocksdb::ColumnFamilyHandle* views = nullptr;  // row of a view → value
};

// What a status of RocksDB means to us, with the place and what to do next.
absl::Status Explain(const std::string& dir, const rocksdb::Status& status);

}  // namespace milepost::history
