// Reading of a RocksHistory: pages by scan or by the index, and the place of the newest N.
#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "services/history/record_codec.h"
#include "services/history/rocks_history.h"
#include "services/history/rocks_store.h"

namespace milepost::history {
namespace {

// Records that are fetched with one call.
constexpr size_t kFetch = 64;

absl::Status Closed() { return absl::UnavailableError("the store is closed: try again"); }

}  // namespace

bool RocksHistory::InMemory(uint64_t after) const {
  const std::shared_lock lock(store_mutex_, std::try_to_lock);
  return lock.owns_lock() && window_ != nullptr && after >= window_->bounds().floor;
}

Page RocksHistory::Read(const Query& query) const {
  const std::shared_lock lock(store_mutex_);
  if (window_ != nullptr) {
    Page page = window_->Read(query);
    if (!page.expired) return page;
  }
  if (store_ == nullptr) return {.position = query.after, .status = Closed()};
  return ReadDisk(query);
}

Page RocksHistory::ReadDisk(const Query& query) const {
  PageBuilder builder(query);
  const uint64_t end = std::min(query.through, head_.load());
  builder.page.position = std::max(query.after, end);
  absl::Status status;
  if (query.after < end) {
    // Setting the index up costs a seek a name, and patterns have none.
    const bool scan = query.names->has_patterns() || (end - query.after) / 4 < query.names->size();
    status = scan ? ReadByScan(query, end, &builder) : ReadByIndex(query, end, &builder);
  }
  builder.page.floor = floor_->load();
  // After the read: what was trimmed meanwhile shows.
  if (query.after < builder.page.floor) {
    return {.position = query.after, .expired = true, .floor = builder.page.floor};
  }
  if (!status.ok()) return {.position = query.after, .floor = builder.page.floor, .status = std::move(status)};
  builder.page.more = builder.page.position < end;
  return builder.Take();
}

absl::Status RocksHistory::ReadByScan(const Query& query, uint64_t end, PageBuilder* page) const {
  const std::unique_ptr<rocksdb::Iterator> rows(store_->db->NewIterator(rocksdb::ReadOptions(), store_->log));
  rows->Seek(Number(query.after + 1));
  for (uint64_t seq = query.after + 1; seq <= end; ++seq, rows->Next()) {
    if (!rows->Valid() || SeqOfKey(rows->key()) != seq) {
      return rows->status().ok() ? Missing(seq) : Explain(store_->dir, rows->status());
    }
    const auto event = DecodeEvent(seq, View(rows->value()));
    if (!event.ok()) return event.status();
    const bool wanted = *event != nullptr && WantsType(query, (*event)->type) && query.names->Wants(**event);
    if (!page->MayLook() || (wanted && !page->Add(*event))) {
      page->page.position = seq - 1;
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::Status RocksHistory::ReadByIndex(const Query& query, uint64_t end, PageBuilder* page) const {
  // The lowest sequences that are wanted, one more than fit.
  const size_t most = std::min(query.max_events, kMaxPageEvents) + 1;
  std::set<uint64_t> wanted;
  absl::Status status;
  {
    const std::unique_ptr<rocksdb::Iterator> rows(store_->db->NewIterator(rocksdb::ReadOptions(), store_->index));
    query.names->ForEachExactName([&](absl::string_view name, uint64_t from) {
      if (!status.ok()) return;
      const std::string last = IndexKey(name, end);
      for (rows->Seek(IndexKey(name, std::max(query.after + 1, from))); rows->Valid(); rows->Next()) {
        if (rows->key().compare(last) > 0) break;
        const uint64_t seq = SeqOfKey(rows->key());
        if (wanted.size() >= most && seq > *wanted.rbegin()) break;
        if (!WantsType(query, View(rows->value()))) continue;
        wanted.insert(seq);
        if (wanted.size() > most) wanted.erase(std::prev(wanted.end()));
      }
      if (!rows->status().ok()) status = Explain(store_->dir, rows->status());
    });
  }
  if (!status.ok()) return status;
  if (wanted.size() >= most) page->page.position = *wanted.rbegin() - 1;
  std::vector<uint64_t> seqs(wanted.begin(), wanted.end());
  for (size_t begin = 0; begin < seqs.size(); begin += kFetch) {
    const size_t count = std::min(kFetch, seqs.size() - begin);
    std::array<std::string, kFetch> keys;
    std::array<rocksdb::Slice, kFetch> slices;
    std::array<rocksdb::PinnableSlice, kFetch> values;
    std::array<rocksdb::Status, kFetch> found;
    for (size_t i = 0; i < count; ++i) slices[i] = keys[i] = Number(seqs[begin + i]);
    store_->db->MultiGet(rocksdb::ReadOptions(), store_->log, count, slices.data(), values.data(), found.data(), true);
    for (size_t i = 0; i < count; ++i) {
      const uint64_t seq = seqs[begin + i];
      if (found[i].IsNotFound()) return Missing(seq);
      if (!found[i].ok()) return Explain(store_->dir, found[i]);
      const auto event = DecodeEvent(seq, View(values[i]));
      if (!event.ok()) return event.status();
      if (*event == nullptr) return absl::DataLossError(absl::StrCat("record ", seq, ": is in the index, but void"));
      if (!page->Add(*event)) {
        page->page.position = seq - 1;
        return absl::OkStatus();
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> RocksHistory::PositionBeforeLast(const Query& query, size_t count) const {
  const std::shared_lock lock(store_mutex_);
  if (store_ == nullptr) return Closed();
  uint64_t position = 0;
  const absl::Status status =
      query.names->has_patterns() ? ScanBack(query, count, &position) : FindNewest(query, count, &position);
  if (!status.ok()) return status;
  return std::max(position, floor_->load());
}

absl::Status RocksHistory::FindNewest(const Query& query, size_t count, uint64_t* position) const {
  *position = std::min(query.through, head_.load());
  if (count == 0) return absl::OkStatus();
  std::set<uint64_t> newest;
  absl::Status status;
  const std::unique_ptr<rocksdb::Iterator> rows(store_->db->NewIterator(rocksdb::ReadOptions(), store_->index));
  const uint64_t floor = floor_->load();
  query.names->ForEachExactName([&](absl::string_view name, uint64_t from) {
    if (!status.ok()) return;
    const std::string first = IndexKey(name, std::max(floor + 1, from));
    for (rows->SeekForPrev(IndexKey(name, *position)); rows->Valid(); rows->Prev()) {
      if (rows->key().compare(first) < 0) break;
      const uint64_t seq = SeqOfKey(rows->key());
      if (newest.size() >= count && seq < *newest.begin()) break;
      if (!WantsType(query, View(rows->value()))) continue;
      newest.insert(seq);
      if (newest.size() > count) newest.erase(newest.begin());
    }
    if (!rows->status().ok()) status = Explain(store_->dir, rows->status());
  });
  *position = newest.size() < count ? floor : *newest.begin() - 1;
  return status;
}

absl::Status RocksHistory::ScanBack(const Query& query, size_t count, uint64_t* position) const {
  *position = std::min(query.through, head_.load());
  const std::unique_ptr<rocksdb::Iterator> rows(store_->db->NewIterator(rocksdb::ReadOptions(), store_->log));
  rows->SeekForPrev(Number(*position));
  while (count > 0 && *position > floor_->load()) {
    if (!rows->Valid() || SeqOfKey(rows->key()) != *position) {
      return rows->status().ok() ? Missing(*position) : Explain(store_->dir, rows->status());
    }
    const auto event = DecodeEvent(*position, View(rows->value()));
    if (!event.ok()) return event.status();
    if (*event != nullptr && WantsType(query, (*event)->type) && query.names->Wants(**event)) --count;
    --*position;
    rows->Prev();
  }
  return absl::OkStatus();
}

}  // namespace milepost::history
