#include "edge/feed/feed_table.h"

#include <algorithm>
#include <utility>

namespace milepost::edge::feed {
namespace {

// What a frame costs beside its wire bytes: the object, its strings and its places in feeds.
constexpr size_t kFrameOverheadBytes = 320;

// Moves up to `max` names out of `names` for which `keep` says so; the others are dropped.
template <typename Keep>
std::vector<std::string> Take(std::vector<std::string>& names, size_t max, Keep keep) {
  std::vector<std::string> taken;
  size_t i = 0;
  for (; i < names.size() && taken.size() < max; ++i) {
    if (keep(names[i])) taken.push_back(std::move(names[i]));
  }
  names.erase(names.begin(), names.begin() + i);
  return taken;
}

}  // namespace

void FeedTable::Join(Reader& reader, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    Feed& feed = feeds_[name];
    if (feed.name.empty()) {
      feed.name = name;
      to_add_.push_back(name);
    }
    feed.readers.push_back(&reader);
    reader.feeds_.push_back(&feed);
    if (feed.carry != Feed::Carry::kCarried) ++reader.missing_;
  }
}

void FeedTable::Leave(Reader& reader, int64_t now_ms) {
  for (Feed* feed : reader.feeds_) {
    auto& readers = feed->readers;
    *std::find(readers.begin(), readers.end(), &reader) = readers.back();
    readers.pop_back();
    if (readers.empty()) {
      readers.shrink_to_fit();
      idle_.emplace_back(now_ms, feed->name);
    }
  }
  reader.feeds_.clear();
  reader.missing_ = 0;
}

void FeedTable::Sweep(int64_t now_ms) {
  for (size_t left = idle_.size(); left > 0 && idle_.front().first + options_.linger_ms <= now_ms; --left) {
    std::string name = std::move(idle_.front().second);
    idle_.pop_front();
    Feed* feed = feeds_.Find(name);
    if (feed == nullptr || !feed->readers.empty()) continue;
    switch (feed->carry) {
      case Feed::Carry::kWanted:
        feeds_.Erase(name);
        break;
      case Feed::Carry::kAdding:
        idle_.emplace_back(now_ms, std::move(name));  // not before the update is through
        break;
      case Feed::Carry::kCarried:
        to_remove_.push_back(std::move(name));
        break;
      case Feed::Carry::kRemoving:
        break;
    }
  }
}

std::vector<std::string> FeedTable::OpenTrunk(size_t max) {
  revision_ = 0;
  std::vector<Feed*> unread, carried, wanted;
  feeds_.ForEach([&](Feed& feed) {
    auto& list = feed.readers.empty() ? unread : feed.carry == Feed::Carry::kCarried ? carried : wanted;
    list.push_back(&feed);
  });
  for (Feed* feed : unread) feeds_.Erase(std::string(feed->name));
  to_add_.clear();
  to_remove_.clear();
  opening_.clear();
  // Those that were carried come first: they go on without a gap.
  for (Feed* feed : carried) {
    if (opening_.size() < max) {
      opening_.push_back(feed->name);
    } else {
      Uncarried(*feed);
    }
  }
  for (Feed* feed : wanted) {
    if (opening_.size() < max) {
      feed->carry = Feed::Carry::kAdding;
      opening_.push_back(feed->name);
    } else {
      to_add_.push_back(feed->name);
    }
  }
  return opening_;
}

void FeedTable::OnOpened(const contract::Cursor& position) {
  open_ = true;
  position_ = position;
  Readers joined;
  for (const std::string& name : std::exchange(opening_, {})) {
    Feed* feed = feeds_.Find(name);
    if (feed->carry == Feed::Carry::kAdding) Carried(*feed, position.seq + 1, joined);
  }
  CallJoined(joined);
}

void FeedTable::OnReset(v1::Reset::Reason reason, const std::string& oldest, const contract::Cursor& position) {
  position_ = position;
  mark_seq_ = 0;
  bytes_before_mark_ = bytes_since_mark_ = 0;
  Readers readers;
  feeds_.ForEach([&](Feed& feed) {
    if (feed.carry == Feed::Carry::kCarried) feed.Restart(position.seq + 1);
    List(feed, readers);
  });
  for (Reader* reader : readers) reader->listed_ = false;
  for (Reader* reader : readers) reader->OnReset(reason, oldest);
}

std::optional<FeedTable::Update> FeedTable::NextUpdate(size_t max) {
  if (!open_ || in_flight_) return std::nullopt;
  Update update;
  update.add = Take(to_add_, max, [&](const std::string& name) {
    Feed* feed = feeds_.Find(name);
    if (feed == nullptr || feed->carry != Feed::Carry::kWanted) return false;
    feed->carry = Feed::Carry::kAdding;
    return true;
  });
  update.remove = Take(to_remove_, max, [&](const std::string& name) {
    Feed* feed = feeds_.Find(name);
    if (feed == nullptr || feed->carry != Feed::Carry::kCarried || !feed->readers.empty()) return false;
    feed->carry = Feed::Carry::kRemoving;
    return true;
  });
  if (update.add.empty() && update.remove.empty()) return std::nullopt;
  update.revision = ++revision_;
  in_flight_ = update;
  return update;
}

void FeedTable::OnApplied(uint64_t revision, uint64_t from) {
  if (!in_flight_ || in_flight_->revision != revision) return;
  const Update update = *std::exchange(in_flight_, std::nullopt);
  Readers joined;
  for (const std::string& name : update.add) Carried(*feeds_.Find(name), from, joined);
  for (const std::string& name : update.remove) Uncarried(*feeds_.Find(name));
  CallJoined(joined);
}

void FeedTable::OnEvents(absl::Span<const FramePtr> frames, const contract::Cursor& position) {
  for (const FramePtr& frame : frames) Route(frame);
  position_ = position;
  Readers readers;
  for (Feed* feed : touched_feeds_) {
    feed->touched = false;
    List(*feed, readers);
  }
  touched_feeds_.clear();
  for (Reader* reader : readers) reader->listed_ = false;
  for (Reader* reader : readers) reader->OnEvents();
}

void FeedTable::OnClosed() {
  open_ = false;
  std::vector<std::string> adding = std::exchange(opening_, {});
  if (in_flight_) {
    adding.insert(adding.end(), in_flight_->add.begin(), in_flight_->add.end());
    for (const std::string& name : in_flight_->remove) Uncarried(*feeds_.Find(name));
    in_flight_.reset();
  }
  for (const std::string& name : adding) {
    Feed* feed = feeds_.Find(name);
    if (feed->carry == Feed::Carry::kAdding) Uncarried(*feed);
  }
}

void FeedTable::Carried(Feed& feed, uint64_t start, Readers& joined) {
  feed.carry = Feed::Carry::kCarried;
  feed.Restart(start);
  for (Reader* reader : feed.readers) {
    if (--reader->missing_ == 0) joined.push_back(reader);
  }
}

void FeedTable::Uncarried(Feed& feed) {
  if (feed.readers.empty()) {
    feeds_.Erase(std::string(feed.name));
    return;
  }
  if (feed.carry == Feed::Carry::kCarried) {
    for (Reader* reader : feed.readers) ++reader->missing_;
  }
  feed.carry = Feed::Carry::kWanted;
  feed.Restart(0);
  to_add_.push_back(feed.name);
}

void FeedTable::Route(const FramePtr& frame) {
  bool kept = false;
  for (const std::string& name : frame->names()) {
    feeds_.ForEachCovering(name, [&](Feed& feed) {
      if (feed.carry != Feed::Carry::kCarried || !feed.Append(frame)) return;
      kept = true;
      if (!std::exchange(feed.touched, true)) touched_feeds_.push_back(&feed);
    });
  }
  if (kept) KeepWithinBudget(*frame);
}

void FeedTable::KeepWithinBudget(const Frame& frame) {
  bytes_since_mark_ += frame.wire().size() + kFrameOverheadBytes;
  if (bytes_since_mark_ < options_.max_bytes / 2) return;
  if (bytes_before_mark_ > 0) feeds_.ForEach([&](Feed& feed) { feed.EvictThrough(mark_seq_); });
  mark_seq_ = frame.seq();
  bytes_before_mark_ = std::exchange(bytes_since_mark_, 0);
}

void FeedTable::List(const Feed& feed, Readers& list) {
  for (Reader* reader : feed.readers) {
    if (!std::exchange(reader->listed_, true)) list.push_back(reader);
  }
}

void FeedTable::CallJoined(const Readers& joined) {
  for (Reader* reader : joined) reader->OnJoined();
}

}  // namespace milepost::edge::feed
