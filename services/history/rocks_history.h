// RocksHistory: a History in a RocksDB store. Its synced write is the commit.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/history/history.h"
#include "services/history/memory_history.h"
#include "services/history/page_builder.h"
#include "services/history/store_meta.h"

namespace milepost::history {

class AckedMark;
struct RocksStore;

struct RocksOptions {
  std::string dir;                                        // made if it is not there
  std::string epoch;                                      // name of the life that begins now, 8 of [a-z0-9]
  bool sync = true;                                       // false: a commit survives the process, not the power
  size_t max_bytes = size_t{8} << 30;                     // of encoded records that are kept; 8 GiB
  std::chrono::seconds max_age = std::chrono::hours(72);  // by commit time; 72 h
  size_t window_bytes = size_t{64} << 20;                 // memory for the newest events
  size_t min_free_bytes = size_t{256} << 20;              // free space of the disk below which nothing is stored
  bool accept_loss = false;                               // open even if acknowledged records are missing
  std::function<int64_t()> now;                           // nanoseconds since the Unix epoch
};

// The newest events lie in memory too (`window_bytes`), the others are read from disk, by sequence or by the index of
// names. What the store looks like: README.md.
//
// Store, Reopen and the views are for one thread at a time; the rest for any thread. Locks: store_mutex_ guards the
// open store against being closed by Reopen, readers share it; meta_mutex_ guards what retention needs to know.
class RocksHistory : public History {
 public:
  // FAILED_PRECONDITION: another process uses the store, or a newer program wrote it. DATA_LOSS: it is damaged, or
  // acknowledged records are missing. RESOURCE_EXHAUSTED, UNAVAILABLE: the disk is full, or fails.
  static absl::StatusOr<std::unique_ptr<RocksHistory>> Open(RocksOptions options);
  ~RocksHistory() override;

  absl::Status Writable() override;
  absl::Status Store(std::span<const Entry> entries) override;
  absl::Status Reopen() override;
  bool keeps_views() const override { return true; }
  absl::Status SaveViews(uint64_t seq, std::span<const ViewRow> rows) override;
  absl::StatusOr<uint64_t> LoadViews(const std::function<absl::Status(ViewRow)>& row) override;
  absl::Status Replay(uint64_t seq, const std::function<absl::Status(StoredRecord)>& record) override;

  void Trim(int64_t now_nanos) override;
  Bounds bounds() const override;
  std::optional<uint64_t> LastOfEpoch(absl::string_view epoch) const override;
  bool InMemory(uint64_t after) const override;
  Page Read(const Query& query) const override;
  absl::StatusOr<uint64_t> PositionBeforeLast(const Query& query, size_t count) const override;

 private:
  explicit RocksHistory(RocksOptions options);

  // Opens the store and reads its bounds. `first`: the process begins, and with it an epoch.
  absl::Status OpenStore(bool first);
  absl::Status CheckFormat();
  absl::Status ReadBounds();
  absl::Status CheckMark();
  absl::Status ReadSegments();
  absl::Status BeginEpoch();
  void MarkManifest();
  absl::Status ProbeDisk() const;
  absl::Status CheckSpace() const;
  // A row of the log that should be there is not: it was trimmed just now, or it is lost.
  absl::Status Missing(uint64_t seq) const;

  // These want store_mutex_ to be held.
  Page ReadDisk(const Query& query) const;
  absl::Status ReadByScan(const Query& query, uint64_t end, PageBuilder* page) const;
  absl::Status ReadByIndex(const Query& query, uint64_t end, PageBuilder* page) const;
  absl::Status FindNewest(const Query& query, size_t count, uint64_t* position) const;
  absl::Status ScanBack(const Query& query, size_t count, uint64_t* position) const;

  const RocksOptions options_;

  mutable std::shared_mutex store_mutex_;
  // Guarded by store_mutex_:
  std::unique_ptr<RocksStore> store_;  // null: closed, and could not be opened again
  std::unique_ptr<MemoryHistory> window_;

  std::atomic<uint64_t> head_ = 0;
  std::atomic<int64_t> head_nanos_ = 0;
  std::atomic<uint64_t> views_seq_ = 0;
  // The records up to here are gone. Shared with the index's compactions, which outlive nothing of this.
  std::shared_ptr<std::atomic<uint64_t>> floor_ = std::make_shared<std::atomic<uint64_t>>(0);

  std::unique_ptr<AckedMark> acked_;
  std::chrono::steady_clock::time_point space_checked_;  // by the storing thread
  absl::Status space_;                                   // by the storing thread

  mutable std::mutex meta_mutex_;
  // Guarded by meta_mutex_:
  std::vector<Epoch> epochs_;
  Segments segments_;
};

}  // namespace milepost::history
