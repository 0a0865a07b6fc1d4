#include "services/history/rocks_store.h"

#include <utility>

#include <rocksdb/cache.h>
#include <rocksdb/compaction_filter.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace milepost::history {
namespace {

constexpr size_t kCacheBytes = size_t{32} << 20;
constexpr size_t kLogBufferBytes = size_t{16} << 20;
constexpr size_t kSmallBufferBytes = size_t{8} << 20;
constexpr uint64_t kMaxWalBytes = uint64_t{64} << 20;
constexpr uint64_t kIndexSweepSeconds = 24 * 3600;  // what points to trimmed records is dropped at least so often

// Drops what points to records that are gone.
class BelowFloor : public rocksdb::CompactionFilter {
 public:
  explicit BelowFloor(std::shared_ptr<std::atomic<uint64_t>> floor) : floor_(std::move(floor)) {}
  const char* Name() const override { return "milepost.BelowFloor"; }
  bool Filter(int, const rocksdb::Slice& key, const rocksdb::Slice&, std::string*, bool*) const override {
    return SeqOfKey(key) <= floor_->load(std::memory_order_relaxed);
  }

 private:
  const std::shared_ptr<std::atomic<uint64_t>> floor_;
};

class BelowFloorFactory : public rocksdb::CompactionFilterFactory {
 public:
  explicit BelowFloorFactory(std::shared_ptr<std::atomic<uint64_t>> floor) : floor_(std::move(floor)) {}
  const char* Name() const override { return "milepost.BelowFloorFactory"; }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(const rocksdb::CompactionFilter::Context&) override {
    return std::make_unique<BelowFloor>(floor_);
  }

 private:
  const std::shared_ptr<std::atomic<uint64_t>> floor_;
};

// What fails comes as a status. A log of its own RocksDB must not have: where the disk is full, writing to it ends the
// process by an assertion (7.8.3), and who only reads a store is to write nothing there.
class Silent : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::DBOptions DatabaseOptions() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  // A torn end was never acknowledged; anything else that is wrong must be loud.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // The log and its index reach the disk together, or not at all.
  options.atomic_flush = true;
  options.max_total_wal_size = kMaxWalBytes;
  options.max_background_jobs = 2;
  options.max_manifest_file_size = 4 << 20;  // it is read whole at a start
  // One thread writes.
  options.allow_concurrent_memtable_write = false;
  options.info_log = std::make_shared<Silent>();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

rocksdb::ColumnFamilyOptions ColumnOptions(const std::shared_ptr<rocksdb::Cache>& cache, size_t buffer_bytes) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = 16 << 10;
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kLZ4Compression;
  options.write_buffer_size = buffer_bytes;
  options.target_file_size_base = 16 << 20;
  return options;
}

}  // namespace

std::string Number(uint64_t number) {
  std::string bytes(8, '\0');
  for (int i = 7; i >= 0; --i, number >>= 8) bytes[i] = static_cast<char>(number & 0xff);
  return bytes;
}

uint64_t ReadNumber(absl::string_view bytes) {
  if (bytes.size() < 8) return 0;
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

std::string IndexKey(absl::string_view name, uint64_t seq) {
  return absl::StrCat(name, absl::string_view("\0", 1), Number(seq));  // no name holds a zero byte
}

uint64_t SeqOfKey(const rocksdb::Slice& key) {
  return key.size() < 8 ? 0 : ReadNumber(absl::string_view(key.data() + key.size() - 8, 8));
}

std::string EncodeEpoch(const Epoch& epoch) {
  return absl::StrCat(Number(epoch.first), Number(static_cast<uint64_t>(epoch.opened_nanos)), epoch.name);
}

Epoch DecodeEpoch(absl::string_view bytes) {
  if (bytes.size() < 16) return {};
  return {.name = std::string(bytes.substr(16)),
          .first = ReadNumber(bytes),
          .opened_nanos = static_cast<int64_t>(ReadNumber(bytes.substr(8)))};
}

std::string EncodeSegment(const Segment& segment) {
  return absl::StrCat(Number(segment.last), Number(segment.bytes), Number(static_cast<uint64_t>(segment.first_nanos)),
                      Number(static_cast<uint64_t>(segment.last_nanos)));
}

Segment DecodeSegment(uint64_t first, absl::string_view bytes) {
  if (bytes.size() < 32) return {};
  return {.first = first,
          .last = ReadNumber(bytes),
          .bytes = ReadNumber(bytes.substr(8)),
          .first_nanos = static_cast<int64_t>(ReadNumber(bytes.substr(16))),
          .last_nanos = static_cast<int64_t>(ReadNumber(bytes.substr(24)))};
}

absl::StatusOr<std::unique_ptr<RocksStore>> RocksStore::Open(const std::string& dir, OpenAs as,
                                                             std::shared_ptr<std::atomic<uint64_t>> floor) {
  const auto cache = rocksdb::NewLRUCache(kCacheBytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> columns = {
      {rocksdb::kDefaultColumnFamilyName, ColumnOptions(cache, kSmallBufferBytes)},
      {"log", ColumnOptions(cache, kLogBufferBytes)},
      {"index", ColumnOptions(cache, kLogBufferBytes)},
      {"views", ColumnOptions(cache, kSmallBufferBytes)}};
  // Records come in the order of their keys, so each is put where the last one was.
  columns[1].options.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(1));
  columns[2].options.compaction_filter_factory = std::make_shared<BelowFloorFactory>(std::move(floor));
  // Rows of the index come in no order and are written over never: few and large merges cost least.
  columns[2].options.compaction_style = rocksdb::kCompactionStyleUniversal;
  columns[2].options.periodic_compaction_seconds = kIndexSweepSeconds;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::DBOptions options = DatabaseOptions();
  const rocksdb::Status status = as == OpenAs::kWriter
                                     ? rocksdb::DB::Open(options, dir, columns, &handles, &db)
                                     : rocksdb::DB::OpenForReadOnly(options, dir, columns, &handles, &db);
  if (!status.ok()) return Explain(dir, status);
  auto store = std::make_unique<RocksStore>();
  store->dir = dir;
  store->db.reset(db);
  store->meta = handles[0];
  store->log = handles[1];
  store->index = handles[2];
  store->views = handles[3];
  return store;
}

RocksStore::~RocksStore() {
  if (db == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* column : {meta, log, index, views}) db->DestroyColumnFamilyHandle(column);
  db->Close();
}

absl::StatusOr<uint64_t> RocksStore::GetNumber(const char* key) const {
  std::string value;
  const rocksdb::Status status = db->Get(rocksdb::ReadOptions(), meta, key, &value);
  if (status.IsNotFound()) return 0;
  if (!status.ok()) return Explain(dir, status);
  return ReadNumber(value);
}

absl::Status Explain(const std::string& dir, const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = status.ToString();
  // A missing manifest: the file that names it is damaged.
  const bool lost_manifest = absl::StrContains(text, "No such file") && absl::StrContains(text, "MANIFEST");
  if (status.IsCorruption() || lost_manifest) {
    return absl::DataLossError(absl::StrCat("store ", dir, ": is damaged: look at it with `milepost log verify ", dir,
                                            "`, or restore a backup (", text, ")"));
  }
  if (status.IsNoSpace() || absl::StrContains(text, "No space left")) {
    return absl::ResourceExhaustedError(absl::StrCat("store ", dir, ": the disk is full: free some space (", text, ")"));
  }
  if (absl::StrContains(text, "/LOCK:") || absl::StrContains(text, "lock hold by current process")) {
    return absl::FailedPreconditionError(
        absl::StrCat("store ", dir, ": is in use by another process: stop that one, or choose another directory (", text, ")"));
  }
  if (absl::StrContains(text, "Read-only file system") || absl::StrContains(text, "Permission denied")) {
    return absl::UnavailableError(absl::StrCat("store ", dir, ": cannot be written (", text, ")"));
  }
  return absl::UnavailableError(absl::StrCat("store ", dir, ": ", text));
}

}  // namespace milepost::history
