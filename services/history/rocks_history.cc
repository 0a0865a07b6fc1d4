#include "services/history/rocks_history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <rocksdb/convenience.h>
#include <rocksdb/write_batch.h>

#include "absl/strings/str_cat.h"
#include "services/history/acked_mark.h"
#include "services/history/log_file_check.h"
#include "services/history/record_codec.h"
#include "services/history/rocks_store.h"

namespace milepost::history {
namespace {

constexpr char kAckedFile[] = "ACKED";
constexpr char kProbeFile[] = "PROBE";
constexpr size_t kProbeBytes = 64 << 10;
constexpr std::chrono::milliseconds kSpaceInterval{50};
// Older lives are forgotten: their cursors get a reset.
constexpr size_t kMaxEpochs = 1000;

absl::Status FromErrno(const std::string& path, const char* what) {
  const int error = errno;
  const std::string message = absl::StrCat("store ", path, ": cannot ", what, ": ", std::strerror(error));
  return error == ENOSPC || error == EDQUOT ? absl::ResourceExhaustedError(message) : absl::UnavailableError(message);
}

// Makes the directory and those above it.
absl::Status MakeDirectory(const std::string& dir) {
  for (size_t slash = dir.find('/', 1);; slash = dir.find('/', slash + 1)) {
    const std::string path = dir.substr(0, slash);
    if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return FromErrno(path, "make the directory");
    if (slash == std::string::npos) return absl::OkStatus();
  }
}

}  // namespace

RocksHistory::RocksHistory(RocksOptions options)
    : options_(std::move(options)), segments_(options_.max_bytes, options_.max_age) {}

RocksHistory::~RocksHistory() = default;

absl::StatusOr<std::unique_ptr<RocksHistory>> RocksHistory::Open(RocksOptions options) {
  if (absl::Status made = MakeDirectory(options.dir); !made.ok()) return made;
  std::unique_ptr<RocksHistory> history(new RocksHistory(std::move(options)));
  if (absl::Status opened = history->OpenStore(true); !opened.ok()) return opened;
  return history;
}

absl::Status RocksHistory::OpenStore(bool first) {
  if (acked_ == nullptr) {
    auto acked = AckedMark::Open(absl::StrCat(options_.dir, "/", kAckedFile));
    if (!acked.ok()) return acked.status();
    acked_ = *std::move(acked);
  }
  // Before RocksDB, which deletes what it thinks nobody needs.
  if (absl::Status whole = CheckLogFiles(options_.dir, acked_->manifest(), acked_->manifest_size()); !whole.ok()) {
    return whole;
  }
  auto store = RocksStore::Open(options_.dir, OpenAs::kWriter, floor_);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  if (absl::Status status = CheckFormat(); !status.ok()) return status;
  if (absl::Status status = ReadBounds(); !status.ok()) return status;
  if (absl::Status status = CheckMark(); !status.ok()) return status;
  if (absl::Status status = ReadSegments(); !status.ok()) return status;
  if (first) {
    if (absl::Status status = BeginEpoch(); !status.ok()) return status;
  }
  window_ = std::make_unique<MemoryHistory>(
      Retention{.max_bytes = options_.window_bytes, .max_age = std::chrono::hours(24 * 365 * 100)}, head_);
  MarkManifest();
  return absl::OkStatus();
}

void RocksHistory::MarkManifest() {
  std::vector<std::string> files;
  uint64_t size = 0;
  if (!store_->db->GetLiveFiles(files, &size, /*flush_memtable=*/false).ok()) return;
  for (const std::string& file : files) {
    if (const uint64_t number = ManifestNumber(file); number != 0) acked_->set_manifest(number, size);
  }
}

absl::Status RocksHistory::CheckFormat() {
  const auto format = store_->GetNumber(kFormatKey);
  if (!format.ok()) return format.status();
  if (*format > kStoreFormat) {
    return absl::FailedPreconditionError(absl::StrCat("store ", options_.dir, ": was written by a newer Milepost (format ",
                                                      *format, ", this one knows ", kStoreFormat,
                                                      "): start that one, or choose another directory"));
  }
  if (*format != 0) return absl::OkStatus();
  rocksdb::WriteOptions synced;
  synced.sync = true;
  return Explain(options_.dir, store_->db->Put(synced, store_->meta, kFormatKey, Number(kStoreFormat)));
}

absl::Status RocksHistory::ReadBounds() {
  const auto floor = store_->GetNumber(kFloorKey);
  if (!floor.ok()) return floor.status();
  const auto views = store_->GetNumber(kViewsKey);
  if (!views.ok()) return views.status();
  const std::unique_ptr<rocksdb::Iterator> rows(store_->db->NewIterator(rocksdb::ReadOptions(), store_->log));
  rows->SeekToLast();
  uint64_t head = *floor;
  int64_t nanos = 0;
  if (rows->Valid()) {
    head = std::max(head, SeqOfKey(rows->key()));
    const auto record = DecodeRecord(head, View(rows->value()));
    if (!record.ok()) return record.status();
    nanos = record->commit_nanos;
  }
  if (!rows->status().ok()) return Explain(options_.dir, rows->status());
  if (*views > head) {
    return absl::DataLossError(absl::StrCat("store ", options_.dir, ": ends at record ", head, ", but its views hold up to ",
                                            *views, ": records are missing; restore a backup"));
  }
  floor_->store(*floor);
  head_ = head;
  head_nanos_ = nanos;
  views_seq_ = *views;
  return absl::OkStatus();
}

absl::Status RocksHistory::CheckMark() {
  if (acked_->get() > head_ && options_.sync && !options_.accept_loss) {
    return absl::DataLossError(
        absl::StrCat("store ", options_.dir, ": ends at record ", head_.load(), ", but record ", acked_->get(),
                     " was acknowledged: records are missing; restore a backup, or go on without them with --accept_loss"));
  }
  acked_->set(head_);
  return absl::OkStatus();
}

absl::Status RocksHistory::ReadSegments() {
  Segments segments(options_.max_bytes, options_.max_age);
  uint64_t through = floor_->load();
  const std::string prefix(1, kSegmentPrefix);
  const std::unique_ptr<rocksdb::Iterator> rows(store_->db->NewIterator(rocksdb::ReadOptions(), store_->meta));
  for (rows->Seek(prefix); rows->Valid() && rows->key().starts_with(prefix); rows->Next()) {
    const Segment segment = DecodeSegment(SeqOfKey(rows->key()), View(rows->value()));
    if (segment.last <= through) continue;
    if (segment.first != through + 1) return Missing(through + 1);
    segments.Restore(segment);
    through = segment.last;
  }
  if (!rows->status().ok()) return Explain(options_.dir, rows->status());
  const std::unique_ptr<rocksdb::Iterator> records(store_->db->NewIterator(rocksdb::ReadOptions(), store_->log));
  for (records->Seek(Number(through + 1)); records->Valid(); records->Next(), ++through) {
    if (SeqOfKey(records->key()) != through + 1) return Missing(through + 1);
    const auto record = DecodeRecord(SeqOfKey(records->key()), View(records->value()));
    if (!record.ok()) return record.status();
    segments.Add(record->seq, records->value().size(), record->commit_nanos);
  }
  if (!records->status().ok()) return Explain(options_.dir, records->status());
  const std::lock_guard lock(meta_mutex_);
  segments_ = std::move(segments);
  return absl::OkStatus();
}

absl::Status RocksHistory::BeginEpoch() {
  std::vector<Epoch> epochs;
  rocksdb::WriteBatch batch;
  uint64_t place = 0;
  const std::string prefix(1, kEpochPrefix);
  const std::unique_ptr<rocksdb::Iterator> rows(store_->db->NewIterator(rocksdb::ReadOptions(), store_->meta));
  for (rows->Seek(prefix); rows->Valid() && rows->key().starts_with(prefix); rows->Next()) {
    epochs.push_back(DecodeEpoch(View(rows->value())));
    place = SeqOfKey(rows->key()) + 1;
  }
  if (!rows->status().ok()) return Explain(options_.dir, rows->status());
  while (epochs.size() >= kMaxEpochs) {
    batch.Delete(store_->meta, absl::StrCat(prefix, Number(place - epochs.size())));
    epochs.erase(epochs.begin());
  }
  epochs.push_back({.name = options_.epoch, .first = head_ + 1, .opened_nanos = options_.now()});
  batch.Put(store_->meta, absl::StrCat(prefix, Number(place)), EncodeEpoch(epochs.back()));
  rocksdb::WriteOptions synced;
  synced.sync = true;
  if (absl::Status written = Explain(options_.dir, store_->db->Write(synced, &batch)); !written.ok()) return written;
  const std::lock_guard lock(meta_mutex_);
  epochs_ = std::move(epochs);
  return absl::OkStatus();
}

absl::Status RocksHistory::CheckSpace() const {
  struct statvfs disk;
  if (statvfs(options_.dir.c_str(), &disk) != 0) return FromErrno(options_.dir, "ask for its free space");
  const uint64_t free = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (free >= options_.min_free_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("store ", options_.dir, ": the disk has ", free >> 20, " MiB left, below ",
                                                   options_.min_free_bytes >> 20,
                                                   " MiB nothing is stored: free some space (--min_free_mib)"));
}

absl::Status RocksHistory::Writable() {
  const auto now = std::chrono::steady_clock::now();
  if (now - space_checked_ >= kSpaceInterval) {
    space_checked_ = now;
    space_ = CheckSpace();
  }
  return space_;
}

absl::Status RocksHistory::Store(std::span<const Entry> entries) {
  if (entries.empty()) return absl::OkStatus();
  const std::shared_lock lock(store_mutex_);
  if (store_ == nullptr) return absl::UnavailableError(absl::StrCat("store ", options_.dir, ": is closed"));
  rocksdb::WriteBatch batch;
  std::string bytes;
  {
    const std::lock_guard meta_lock(meta_mutex_);
    for (const Entry& entry : entries) {
      EncodeRecord(entry, &bytes);
      batch.Put(store_->log, Number(entry.seq), bytes);
      if (const auto closed = segments_.Add(entry.seq, bytes.size(), entry.commit_nanos)) {
        batch.Put(store_->meta, absl::StrCat(std::string(1, kSegmentPrefix), Number(closed->first)), EncodeSegment(*closed));
      }
      if (entry.event == nullptr) continue;
      for (const std::string& name : *entry.event->names) {
        batch.Put(store_->index, IndexKey(name, entry.seq), entry.event->type);
      }
    }
  }
  rocksdb::WriteOptions options;
  options.sync = options_.sync;
  if (absl::Status written = Explain(options_.dir, store_->db->Write(options, &batch)); !written.ok()) return written;
  acked_->set(entries.back().seq);
  if (absl::Status kept = window_->Store(entries); !kept.ok()) return kept;
  head_nanos_ = entries.back().commit_nanos;
  head_ = entries.back().seq;
  return absl::OkStatus();
}

// Whether the disk takes anything at all, tried on a file that does not matter.
absl::Status RocksHistory::ProbeDisk() const {
  const std::string path = absl::StrCat(options_.dir, "/", kProbeFile);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return FromErrno(path, "make it");
  const std::string bytes(kProbeBytes, 'p');
  absl::Status status;
  if (write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) || fsync(file) != 0) {
    status = FromErrno(path, "write it");
  }
  close(file);
  unlink(path.c_str());
  return status;
}

absl::Status RocksHistory::Reopen() {
  if (absl::Status space = CheckSpace(); !space.ok()) return space;
  if (absl::Status probed = ProbeDisk(); !probed.ok()) return probed;
  const std::unique_lock lock(store_mutex_);
  store_.reset();  // RocksDB lets nobody else in, not even us
  const absl::Status opened = OpenStore(false);
  if (opened.ok()) return opened;
  // What can be read is read.
  store_.reset();
  if (auto reader = RocksStore::Open(options_.dir, OpenAs::kReader, floor_); reader.ok()) store_ = *std::move(reader);
  return opened;
}

absl::Status RocksHistory::SaveViews(uint64_t seq, std::span<const ViewRow> rows) {
  const std::shared_lock lock(store_mutex_);
  if (store_ == nullptr) return absl::UnavailableError(absl::StrCat("store ", options_.dir, ": is closed"));
  rocksdb::WriteBatch batch;
  for (const ViewRow& row : rows) {
    if (row.value.empty()) {
      batch.Delete(store_->views, row.key);
    } else {
      batch.Put(store_->views, row.key, row.value);
    }
  }
  batch.Put(store_->meta, kViewsKey, Number(seq));
  // Not synced by itself: it lies in the same log as the records, after those that it is made from. Retention looks
  // at views_seq_, and syncs before it drops anything.
  if (absl::Status written = Explain(options_.dir, store_->db->Write(rocksdb::WriteOptions(), &batch)); !written.ok()) {
    return written;
  }
  views_seq_ = seq;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> RocksHistory::LoadViews(const std::function<absl::Status(ViewRow)>& row) {
  const std::shared_lock lock(store_mutex_);
  if (store_ == nullptr) return absl::UnavailableError(absl::StrCat("store ", options_.dir, ": is closed"));
  const std::unique_ptr<rocksdb::Iterator> rows(store_->db->NewIterator(rocksdb::ReadOptions(), store_->views));
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    if (absl::Status taken = row({rows->key().ToString(), rows->value().ToString()}); !taken.ok()) return taken;
  }
  if (!rows->status().ok()) return Explain(options_.dir, rows->status());
  return std::max(views_seq_.load(), floor_->load());
}

absl::Status RocksHistory::Replay(uint64_t seq, const std::function<absl::Status(StoredRecord)>& record) {
  const std::shared_lock lock(store_mutex_);
  if (store_ == nullptr) return absl::UnavailableError(absl::StrCat("store ", options_.dir, ": is closed"));
  rocksdb::ReadOptions options;
  options.readahead_size = 1 << 20;
  const std::unique_ptr<rocksdb::Iterator> rows(store_->db->NewIterator(options, store_->log));
  uint64_t expected = seq + 1;
  for (rows->Seek(Number(expected)); rows->Valid(); rows->Next(), ++expected) {
    if (SeqOfKey(rows->key()) != expected) return Missing(expected);
    auto decoded = DecodeRecord(expected, View(rows->value()));
    if (!decoded.ok()) return decoded.status();
    if (absl::Status taken = record(*std::move(decoded)); !taken.ok()) return taken;
  }
  if (!rows->status().ok()) return Explain(options_.dir, rows->status());
  return expected > head_ ? absl::OkStatus() : Missing(expected);
}

void RocksHistory::Trim(int64_t now_nanos) {
  const std::shared_lock lock(store_mutex_);
  if (store_ == nullptr) return;
  MarkManifest();
  rocksdb::WriteBatch batch;
  uint64_t floor = 0;
  {
    const std::lock_guard meta_lock(meta_mutex_);
    const std::vector<Segment> expired = segments_.TakeExpired(now_nanos, views_seq_);
    floor = segments_.expired();
    for (const Segment& segment : expired) {
      batch.Delete(store_->meta, absl::StrCat(std::string(1, kSegmentPrefix), Number(segment.first)));
    }
  }
  if (floor <= floor_->load()) return;
  batch.Put(store_->meta, kFloorKey, Number(floor));
  rocksdb::WriteOptions synced;
  synced.sync = true;
  // Synced: with it everything before is, the views too, and only then are records dropped. After a failure the
  // segments come back with the next start.
  if (!store_->db->Write(synced, &batch).ok()) return;
  // Readers look at the floor after they opened their view of the store, so none misses what goes now.
  floor_->store(floor);
  const std::string begin = Number(0), end = Number(floor);
  const rocksdb::Slice first(begin), last(end);
  rocksdb::DeleteFilesInRange(store_->db.get(), store_->log, &first, &last);
}

Bounds RocksHistory::bounds() const {
  const uint64_t floor = floor_->load();
  return {floor, std::max(floor, head_.load()), head_nanos_};
}

std::optional<uint64_t> RocksHistory::LastOfEpoch(absl::string_view epoch) const {
  const std::lock_guard lock(meta_mutex_);
  return LastOf(epochs_, epoch);
}

absl::Status RocksHistory::Missing(uint64_t seq) const {
  if (seq <= floor_->load()) return absl::OutOfRangeError("trimmed");
  return absl::DataLossError(absl::StrCat("store ", options_.dir, ": record ", seq,
                                          " is missing: look at it with `milepost log verify ", options_.dir,
                                          "`, or restore a backup"));
}

}  // namespace milepost::history
