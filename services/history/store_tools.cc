#include "services/history/store_tools.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <utility>

#include <rocksdb/write_batch.h>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "services/history/acked_mark.h"
#include "services/history/log_file_check.h"
#include "services/history/record_codec.h"
#include "services/history/rocks_store.h"

namespace milepost::history {
namespace {

namespace fs = std::filesystem;

constexpr int kOpenTries = 5;
constexpr uint64_t kProgressEvery = 65'536;
constexpr size_t kBatchBytes = 1 << 20;
// Faults of one kind that are named; the rest is counted.
constexpr uint64_t kMaxNamed = 20;

// A store that is in use may drop a file between being listed and being opened; then another look helps.
absl::StatusOr<std::unique_ptr<RocksStore>> OpenReader(const std::string& dir) {
  if (!fs::exists(dir + "/CURRENT")) {
    return absl::NotFoundError(absl::StrCat("store ", dir, ": there is no store"));
  }
  absl::Status status;
  for (int i = 0; i < kOpenTries; ++i) {
    auto store = RocksStore::Open(dir, OpenAs::kReader, std::make_shared<std::atomic<uint64_t>>(0));
    if (store.ok()) {
      const auto format = (*store)->GetNumber(kFormatKey);
      if (!format.ok()) return format.status();
      if (*format <= kStoreFormat) return store;
      return absl::FailedPreconditionError(absl::StrCat("store ", dir, ": was written by a newer Milepost (format ",
                                                        *format, ", this one knows ", kStoreFormat, ")"));
    }
    status = store.status();
  }
  return status;
}

std::unique_ptr<rocksdb::Iterator> Rows(const RocksStore& store, rocksdb::ColumnFamilyHandle* column) {
  rocksdb::ReadOptions options;
  options.readahead_size = 1 << 20;
  options.fill_cache = false;
  return std::unique_ptr<rocksdb::Iterator>(store.db->NewIterator(options, column));
}

absl::StatusOr<uint64_t> HeadOf(const RocksStore& store, uint64_t floor) {
  const auto rows = Rows(store, store.log);
  rows->SeekToLast();
  if (!rows->status().ok()) return Explain(store.dir, rows->status());
  return rows->Valid() ? std::max(floor, SeqOfKey(rows->key())) : floor;
}

struct Limits {
  uint64_t floor = 0;
  uint64_t head = 0;
};

absl::StatusOr<Limits> LimitsOf(const RocksStore& store) {
  const auto floor = store.GetNumber(kFloorKey);
  if (!floor.ok()) return floor.status();
  const auto head = HeadOf(store, *floor);
  if (!head.ok()) return head.status();
  return Limits{*floor, *head};
}

uint64_t ReadAcked(const std::string& dir) {
  if (!fs::exists(dir + "/ACKED")) return 0;
  const auto mark = AckedMark::Open(dir + "/ACKED");
  return mark.ok() ? (*mark)->get() : 0;
}

// Names the first of many faults and counts the others.
class Faults {
 public:
  explicit Faults(const std::function<void(std::string)>& tell) : tell_(tell) {}
  void Add(const std::string& fault) {
    if (++count_ <= kMaxNamed) tell_(fault);
  }
  void Finish(absl::string_view what) {
    if (count_ > kMaxNamed) tell_(absl::StrCat("and ", count_ - kMaxNamed, " more ", what));
    count_ = 0;
  }

 private:
  const std::function<void(std::string)>& tell_;
  uint64_t count_ = 0;
};

// A sum that two ways to list the same index rows come to in any order.
uint64_t Fingerprint(absl::string_view key, absl::string_view type) { return absl::HashOf(key, type); }

// --- Verify

class Verifier {
 public:
  Verifier(const RocksStore& store, const Limits& limits, const std::function<void(std::string)>& fault,
           const Progress& progress)
      : store_(store), limits_(limits), faults_(fault), progress_(progress) {}

  StoreCounts Run() {
    if (const auto status = store_.db->VerifyChecksum(); !status.ok()) {
      faults_.Add(absl::StrCat("a file is damaged: ", status.ToString()));
    }
    ReadLog();
    faults_.Finish("faults in the log");
    ReadIndex();
    if (index_sum_ != log_sum_) NameIndexFaults();
    faults_.Finish("faults in the index");
    ReadViews();
    return counts_;
  }

 private:
  void ReadLog() {
    uint64_t expected = limits_.floor + 1;
    const auto rows = Rows(store_, store_.log);
    for (rows->Seek(Number(expected)); rows->Valid(); rows->Next()) {
      const uint64_t seq = SeqOfKey(rows->key());
      if (seq != expected) faults_.Add(absl::StrCat("records ", expected, " to ", seq - 1, " are missing"));
      expected = seq + 1;
      ReadRecord(seq, View(rows->value()));
      if (++counts_.records % kProgressEvery == 0) progress_(counts_.records, limits_.head - limits_.floor);
    }
    if (!rows->status().ok()) {
      faults_.Add(absl::StrCat("the log cannot be read at record ", expected, ": ", rows->status().ToString()));
    } else if (expected <= limits_.head) {
      faults_.Add(absl::StrCat("records ", expected, " to ", limits_.head, " are missing"));
    }
  }

  void ReadRecord(uint64_t seq, absl::string_view bytes) {
    counts_.record_bytes += bytes.size();
    const auto event = DecodeEvent(seq, bytes);
    if (!event.ok()) return faults_.Add(std::string(event.status().message()));
    if (*event == nullptr) return;
    ++counts_.events;
    for (const std::string& name : *(*event)->names) log_sum_ += Fingerprint(IndexKey(name, seq), (*event)->type);
  }

  void ReadIndex() {
    const auto rows = Rows(store_, store_.index);
    for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
      if (SeqOfKey(rows->key()) <= limits_.floor) continue;
      ++counts_.index_rows;
      index_sum_ += Fingerprint(View(rows->key()), View(rows->value()));
    }
    if (!rows->status().ok()) faults_.Add(absl::StrCat("the index cannot be read: ", rows->status().ToString()));
  }

  // Slow, and only when something is wrong.
  void NameIndexFaults() {
    const auto rows = Rows(store_, store_.log);
    std::string type;
    for (rows->Seek(Number(limits_.floor + 1)); rows->Valid(); rows->Next()) {
      const uint64_t seq = SeqOfKey(rows->key());
      const auto event = DecodeEvent(seq, View(rows->value()));
      if (!event.ok() || *event == nullptr) continue;
      for (const std::string& name : *(*event)->names) {
        const auto status = store_.db->Get(rocksdb::ReadOptions(), store_.index, IndexKey(name, seq), &type);
        if (!status.ok()) faults_.Add(absl::StrCat("record ", seq, ": ", name, " does not lead to it: ", status.ToString()));
      }
    }
    const auto index = Rows(store_, store_.index);
    std::string record;
    for (index->SeekToFirst(); index->Valid(); index->Next()) {
      const uint64_t seq = SeqOfKey(index->key());
      if (seq <= limits_.floor) continue;
      const auto status = store_.db->Get(rocksdb::ReadOptions(), store_.log, Number(seq), &record);
      if (!status.ok()) faults_.Add(absl::StrCat("the index leads to record ", seq, ": ", status.ToString()));
    }
  }

  void ReadViews() {
    const auto rows = Rows(store_, store_.views);
    for (rows->SeekToFirst(); rows->Valid(); rows->Next()) ++counts_.view_rows;
    if (!rows->status().ok()) faults_.Add(absl::StrCat("the views cannot be read: ", rows->status().ToString()));
  }

  const RocksStore& store_;
  const Limits limits_;
  Faults faults_;
  const Progress& progress_;
  StoreCounts counts_;
  uint64_t log_sum_ = 0;
  uint64_t index_sum_ = 0;
};

// --- Copy

// Writes rows in large batches without a log of its own; Finish makes them durable together.
class Writer {
 public:
  explicit Writer(RocksStore* store) : store_(store) {}

  absl::Status Put(rocksdb::ColumnFamilyHandle* column, const rocksdb::Slice& key, const rocksdb::Slice& value) {
    batch_.Put(column, key, value);
    return batch_.GetDataSize() < kBatchBytes ? absl::OkStatus() : Write();
  }

  absl::Status Finish() {
    if (absl::Status written = Write(); !written.ok()) return written;
    return Explain(store_->dir, store_->db->Flush(rocksdb::FlushOptions(),
                                                  {store_->meta, store_->log, store_->index, store_->views}));
  }

 private:
  absl::Status Write() {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    const rocksdb::Status written = store_->db->Write(options, &batch_);
    batch_.Clear();
    return Explain(store_->dir, written);
  }

  RocksStore* const store_;
  rocksdb::WriteBatch batch_;
};

absl::Status CopyColumn(const RocksStore& from, rocksdb::ColumnFamilyHandle* source, rocksdb::ColumnFamilyHandle* target,
                        Writer* writer, uint64_t* count) {
  const auto rows = Rows(from, source);
  for (rows->SeekToFirst(); rows->Valid(); rows->Next(), ++*count) {
    if (absl::Status written = writer->Put(target, rows->key(), rows->value()); !written.ok()) return written;
  }
  return Explain(from.dir, rows->status());
}

absl::Status CopyRecords(const RocksStore& from, const Limits& limits, RocksStore* to, CopyAs as, Writer* writer,
                         StoreCounts* counts, const Progress& progress) {
  const auto rows = Rows(from, from.log);
  uint64_t expected = limits.floor + 1;
  for (rows->Seek(Number(expected)); rows->Valid(); rows->Next(), ++expected) {
    const uint64_t seq = SeqOfKey(rows->key());
    if (seq != expected) return absl::DataLossError(absl::StrCat("store ", from.dir, ": record ", expected, " is missing"));
    if (absl::Status written = writer->Put(to->log, rows->key(), rows->value()); !written.ok()) return written;
    counts->record_bytes += rows->value().size();
    if (++counts->records % kProgressEvery == 0) progress(counts->records, limits.head - limits.floor);
    if (as != CopyAs::kRecords) continue;
    const auto event = DecodeEvent(seq, View(rows->value()));
    if (!event.ok()) return event.status();
    if (*event == nullptr) continue;
    ++counts->events;
    for (const std::string& name : *(*event)->names) {
      if (absl::Status written = writer->Put(to->index, IndexKey(name, seq), (*event)->type); !written.ok()) return written;
      ++counts->index_rows;
    }
  }
  if (!rows->status().ok()) return Explain(from.dir, rows->status());
  if (expected <= limits.head) {
    return absl::DataLossError(absl::StrCat("store ", from.dir, ": record ", expected, " is missing"));
  }
  return absl::OkStatus();
}

absl::StatusOr<StoreCounts> CopyInto(const std::string& from_dir, const std::string& to_dir, CopyAs as,
                                     const Progress& progress) {
  const auto from = OpenReader(from_dir);
  if (!from.ok()) return from.status();
  const auto limits = LimitsOf(**from);
  if (!limits.ok()) return limits.status();
  StoreCounts counts;
  {
    auto to = RocksStore::Open(to_dir, OpenAs::kWriter, std::make_shared<std::atomic<uint64_t>>(limits->floor));
    if (!to.ok()) return to.status();
    Writer writer(to->get());
    uint64_t ignored = 0;
    absl::Status status = CopyColumn(**from, (*from)->meta, (*to)->meta, &writer, &ignored);
    if (status.ok()) status = CopyRecords(**from, *limits, to->get(), as, &writer, &counts, progress);
    if (status.ok() && as == CopyAs::kBackup) {
      status = CopyColumn(**from, (*from)->index, (*to)->index, &writer, &counts.index_rows);
    }
    if (status.ok()) status = CopyColumn(**from, (*from)->views, (*to)->views, &writer, &counts.view_rows);
    if (status.ok()) status = writer.Finish();
    if (!status.ok()) return status;
  }
  const auto mark = AckedMark::Open(to_dir + "/ACKED");
  if (!mark.ok()) return mark.status();
  (*mark)->set(limits->head);
  return counts;
}

}  // namespace

absl::StatusOr<StoreInfo> InspectStore(const std::string& dir) {
  const auto store = OpenReader(dir);
  if (!store.ok()) return store.status();
  const auto limits = LimitsOf(**store);
  if (!limits.ok()) return limits.status();
  StoreInfo info{.format = kStoreFormat, .floor = limits->floor, .head = limits->head, .acked = ReadAcked(dir)};
  const auto views = (*store)->GetNumber(kViewsKey);
  if (!views.ok()) return views.status();
  info.views = *views;
  const auto meta = Rows(**store, (*store)->meta);
  for (meta->SeekToFirst(); meta->Valid(); meta->Next()) {
    if (meta->key().starts_with(std::string(1, kEpochPrefix))) info.epochs.push_back(DecodeEpoch(View(meta->value())));
    if (!meta->key().starts_with(std::string(1, kSegmentPrefix))) continue;
    ++info.segments;
    info.record_bytes += DecodeSegment(SeqOfKey(meta->key()), View(meta->value())).bytes;
  }
  if (!meta->status().ok()) return Explain(dir, meta->status());
  const auto log = Rows(**store, (*store)->log);
  for (const bool oldest : {true, false}) {
    oldest ? log->Seek(Number(info.floor + 1)) : log->SeekToLast();
    if (!log->Valid()) continue;
    const auto record = DecodeRecord(SeqOfKey(log->key()), View(log->value()));
    if (!record.ok()) return record.status();
    (oldest ? info.oldest_nanos : info.newest_nanos) = record->commit_nanos;
  }
  if (!log->status().ok()) return Explain(dir, log->status());
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(dir, ignored)) {
    const uint64_t size = file.file_size(ignored);
    if (!ignored) info.disk_bytes += size;
  }
  return info;
}

absl::Status DumpStore(const std::string& dir, uint64_t after, const NameSet* names,
                       const std::function<bool(const StoredEvent&)>& event) {
  const uint64_t acked = ReadAcked(dir);  // before the store: it only grows
  const auto store = OpenReader(dir);
  if (!store.ok()) return store.status();
  const auto limits = LimitsOf(**store);
  if (!limits.ok()) return limits.status();
  uint64_t expected = std::max(after, limits->floor) + 1;
  const auto rows = Rows(**store, (*store)->log);
  for (rows->Seek(Number(expected)); rows->Valid(); rows->Next(), ++expected) {
    const uint64_t seq = SeqOfKey(rows->key());
    if (seq != expected) return absl::DataLossError(absl::StrCat("store ", dir, ": record ", expected, " is missing"));
    const auto decoded = DecodeEvent(seq, View(rows->value()));
    if (!decoded.ok()) return decoded.status();
    if (*decoded == nullptr || (names != nullptr && !names->Wants(**decoded))) continue;
    if (!event(**decoded)) return absl::OkStatus();
  }
  if (!rows->status().ok()) return Explain(dir, rows->status());
  if (acked <= limits->head) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("store ", dir, ": ends at record ", limits->head, ", but record ", acked,
                   " was acknowledged: records are missing"));
}

absl::StatusOr<StoreCounts> VerifyStore(const std::string& dir, const std::function<void(std::string)>& fault,
                                        const Progress& progress) {
  const uint64_t acked = ReadAcked(dir);  // before the store: it only grows
  if (absl::Status whole = CheckLogFiles(dir, 0, 0); !whole.ok()) fault(std::string(whole.message()));
  const auto store = OpenReader(dir);
  if (!store.ok()) return store.status();
  const auto limits = LimitsOf(**store);
  if (!limits.ok()) return limits.status();
  if (acked > limits->head) {
    fault(absl::StrCat("the log ends at record ", limits->head, ", but record ", acked, " was acknowledged"));
  }
  const auto views = (*store)->GetNumber(kViewsKey);
  if (!views.ok()) return views.status();
  if (*views > limits->head) {
    fault(absl::StrCat("the log ends at record ", limits->head, ", but the views hold up to ", *views));
  }
  return Verifier(**store, *limits, fault, progress).Run();
}

absl::StatusOr<StoreCounts> CopyStore(const std::string& from, const std::string& to, CopyAs as, const Progress& progress) {
  const std::string partial = to + ".partial";
  if (fs::exists(to)) return absl::FailedPreconditionError(absl::StrCat(to, ": is there already: choose a new directory"));
  std::error_code error;
  fs::remove_all(partial, error);
  fs::create_directories(partial, error);
  if (error) return absl::UnavailableError(absl::StrCat(partial, ": cannot be made: ", error.message()));
  auto counts = CopyInto(from, partial, as, progress);
  if (counts.ok()) fs::rename(partial, to, error);
  if (!counts.ok() || error) {
    std::error_code ignored;
    fs::remove_all(partial, ignored);
  }
  if (error) return absl::UnavailableError(absl::StrCat(to, ": cannot be made: ", error.message()));
  return counts;
}

}  // namespace milepost::history
