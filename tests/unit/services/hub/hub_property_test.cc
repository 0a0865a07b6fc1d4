// Random publishes, updates and takes against a simple model: order, once, complete from `from`, position never ahead.
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proto/contract/resource.h"
#include "services/hub/hub.h"
#include "tests/support/events.h"

namespace milepost::hub {
namespace {

using testing::CommitPath;

// What a name was carried for: events in [from, to).
struct Interval {
  std::string name;
  uint64_t from;
  uint64_t to = std::numeric_limits<uint64_t>::max();
};

// All events that the log took, as the model sees them.
using Model = std::map<uint64_t, history::EventPtr>;

bool Hits(const Interval& interval, const history::StoredEvent& event) {
  if (event.seq < interval.from || event.seq >= interval.to) return false;
  for (const auto& name : *event.names) {
    if (contract::Covers(interval.name, name)) return true;
  }
  return false;
}

// One subscription and what it must get.
class CheckedReader {
 public:
  CheckedReader(CommitPath* path, const Model* model, std::string id, std::vector<std::string> names,
                std::optional<std::string> cursor, SubscriptionOptions options)
      : path_(path), model_(model), options_(options) {
    Start start;
    subscription_ = *path->hub.Subscribe(std::move(id), names, cursor ? &*cursor : nullptr, options, [this] { woken_ = true; }, &start);
    position_ = complete_from_ = start.position;
    for (const auto& name : names) intervals_.push_back({name, start.position + 1});
  }
  ~CheckedReader() { path_->hub.Close(subscription_); }

  void Update(const std::vector<std::string>& add, const std::vector<std::string>& remove) {
    const uint64_t from = path_->hub.head() + 1;
    ASSERT_TRUE(path_->hub.Update(subscription_->id(), ++revision_, add, remove).ok());
    for (const auto* names : {&remove, &add}) {
      for (const auto& name : *names) {
        for (auto& interval : intervals_) {
          if (interval.name == name) interval.to = std::min(interval.to, from);
        }
      }
    }
    for (const auto& name : add) intervals_.push_back({name, from});
    marks_.push_back({revision_, from});
  }

  // Takes once and checks all that was promised. False if there was nothing.
  bool Take(size_t max_bytes) {
    const Batch batch = subscription_->Take(max_bytes);
    if (batch.empty()) woken_ = false;
    for (const auto& event : batch.events) CheckEvent(*event);
    EXPECT_GE(batch.position, position_) << "position never goes back";
    EXPECT_LE(batch.position, path_->hub.head());
    if (batch.expired) {
      EXPECT_TRUE(batch.events.empty());
      EXPECT_GT(path_->history.bounds().floor, position_) << "only what is gone is given up";
      complete_from_ = batch.position;
    }
    position_ = batch.position;
    for (const Applied& applied : batch.applied) CheckMark(applied);
    CheckComplete();
    return !batch.empty();
  }

  // After the last publish: takes all there is.
  void Finish() {
    while (Take(1 << 20)) {
    }
    EXPECT_EQ(position_, path_->hub.head());
    EXPECT_TRUE(marks_.empty());
  }

  bool woken() const { return woken_; }

 private:
  void CheckEvent(const history::StoredEvent& event) {
    EXPECT_GT(event.seq, newest_) << "in order and once";
    newest_ = event.seq;
    bool hit = false;
    for (const auto& interval : intervals_) hit |= Hits(interval, event);
    EXPECT_TRUE(hit) << "an event that nobody asked for";
    got_.insert(event.seq);
  }

  void CheckMark(const Applied& applied) {
    ASSERT_FALSE(marks_.empty());
    EXPECT_EQ(applied.revision, marks_.front().revision);
    EXPECT_EQ(applied.from, marks_.front().from);
    EXPECT_GE(position_ + 1, applied.from);
    marks_.erase(marks_.begin());
  }

  // Of names that are still carried, everything up to the position is there.
  void CheckComplete() {
    for (auto it = model_->upper_bound(std::max(checked_, complete_from_)); it != model_->end() && it->first <= position_; ++it) {
      const history::StoredEvent& event = *it->second;
      bool due = false;
      for (const auto& interval : intervals_) {
        due |= interval.to == std::numeric_limits<uint64_t>::max() && Hits(interval, event);
      }
      if (!options_.types.empty() && !options_.types.contains(event.type)) due = false;
      if (options_.latest_progress && !event.progress_key.empty() && !got_.contains(event.seq)) due = due && !HasNewer(event);
      EXPECT_TRUE(!due || got_.contains(event.seq)) << "event " << event.seq << " is missing";
    }
    checked_ = position_;
  }

  bool HasNewer(const history::StoredEvent& event) const {
    for (auto it = model_->upper_bound(event.seq); it != model_->end(); ++it) {
      if (it->second->progress_key == event.progress_key) return true;
    }
    return false;
  }

  CommitPath* const path_;
  const Model* const model_;
  const SubscriptionOptions options_;
  std::shared_ptr<Subscription> subscription_;
  std::vector<Interval> intervals_;
  std::vector<Applied> marks_;
  std::set<uint64_t> got_;
  uint64_t revision_ = 0;
  uint64_t position_ = 0;
  uint64_t complete_from_ = 0;
  uint64_t checked_ = 0;
  uint64_t newest_ = 0;
  bool woken_ = false;
};

class RandomRun {
 public:
  RandomRun(unsigned seed, history::Retention retention) : random_(seed), path_(retention) {}

  void Go() {
    for (int step = 0; step < 1500; ++step) {
      switch (random_() % 8) {
        case 0:
          if (readers_.size() < 5) AddReader();
          break;
        case 1:
          if (auto* reader = Pick()) reader->Update(SomeNames(), SomeNames());
          break;
        case 2:
          if (random_() % 10 == 0 && !readers_.empty()) readers_.erase(readers_.begin() + random_() % readers_.size());
          break;
        case 3:
        case 4:
          if (auto* reader = Pick()) reader->Take(random_() % 400);
          break;
        default:
          Publish();
      }
      if (::testing::Test::HasFailure()) return;
    }
    for (auto& reader : readers_) reader->Finish();
  }

 private:
  std::string SomeName() {
    const auto n = random_() % 12;
    if (n == 0) return "job:*";
    if (n == 1) return "user:1*";
    if (n < 4) return "user:" + std::to_string(n * 5);
    return "job:" + std::to_string(n % 6);
  }
  std::vector<std::string> SomeNames() {
    std::vector<std::string> names;
    for (auto i = random_() % 4; i > 0; --i) names.push_back(SomeName());
    return names;
  }
  CheckedReader* Pick() { return readers_.empty() ? nullptr : readers_[random_() % readers_.size()].get(); }

  void AddReader() {
    SubscriptionOptions options{.latest_progress = random_() % 3 == 0, .max_ready_events = random_() % 8};
    if (random_() % 4 == 0) options.types = {"notice"};
    std::optional<std::string> cursor;
    const uint64_t floor = path_.history.bounds().floor;
    if (random_() % 2) cursor = path_.hub.CursorAt(floor + random_() % (path_.hub.head() - floor + 1));
    readers_.push_back(std::make_unique<CheckedReader>(&path_, &model_, std::to_string(++ids_), SomeNames(), cursor, options));
  }

  void Publish() {
    std::vector<log::Record> records(random_() % 3 + 1);
    for (auto& record : records) {
      const std::string job = "job:" + std::to_string(random_() % 6);
      v1::ProgressEvent event = random_() % 2 ? testing::MakeNotice(job) : testing::MakeProgress(job, std::to_string(random_() % 2));
      if (random_() % 4 == 0) event.add_resources("user:" + std::to_string(random_() % 20));
      record.event = std::make_unique<v1::ProgressEvent>(event);
    }
    path_.now += random_() % 2'000'000'000;
    path_.log.Append(std::move(records), [](auto) {});
    // The model learns from a scan of everything, which shares nothing with the hub's routing.
    history::NameSet all;
    all.Add("job:*");
    const auto page = path_.history.Read({.names = &all, .after = std::max(modelled_, path_.history.bounds().floor)});
    for (const auto& event : page.events) model_[event->seq] = event;
    modelled_ = page.position;
  }

  std::mt19937 random_;
  CommitPath path_;
  Model model_;
  uint64_t modelled_ = 0;
  int ids_ = 0;
  std::vector<std::unique_ptr<CheckedReader>> readers_;
};

TEST(HubPropertyTest, ReadersGetWhatTheyCarryInOrderOnceAndComplete) {
  for (unsigned seed = 1; seed <= 20 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    RandomRun(seed, {}).Go();
  }
}

TEST(HubPropertyTest, ReadersThatFallBehindRetentionAreToldAndGoOnComplete) {
  for (unsigned seed = 1; seed <= 20 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    RandomRun(seed, {.max_age = std::chrono::seconds(20)}).Go();
  }
}

}  // namespace
}  // namespace milepost::hub
