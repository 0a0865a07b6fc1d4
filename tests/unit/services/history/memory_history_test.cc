// The memory history against a plain model, and at its limits.
#include "services/history/memory_history.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace milepost::history {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000'000;

EventPtr Event(uint64_t seq, std::vector<std::string> names, size_t bytes = 10, std::string type = "notice") {
  auto event = std::make_shared<StoredEvent>();
  event->seq = seq;
  event->type = std::move(type);
  event->bytes = std::string(bytes, 'x');
  event->names = std::make_shared<const std::vector<std::string>>(std::move(names));
  return event;
}

void Store(MemoryHistory* history, EventPtr event, int64_t commit_nanos = kSecond) {
  const Entry entry{event->seq, commit_nanos, event};
  EXPECT_TRUE(history->Store({&entry, 1}).ok());
}

void StoreVoid(MemoryHistory* history, uint64_t seq) {
  const Entry entry{seq, kSecond, nullptr};
  EXPECT_TRUE(history->Store({&entry, 1}).ok());
}

NameSet Names(const std::vector<std::string>& names) {
  NameSet set;
  for (const auto& name : names) set.Add(name);
  return set;
}

std::vector<uint64_t> Seqs(const Page& page) {
  std::vector<uint64_t> seqs;
  for (const auto& event : page.events) seqs.push_back(event->seq);
  return seqs;
}

TEST(MemoryHistoryTest, ReadsEachWantedEventOnceInOrder) {
  MemoryHistory history({});
  Store(&history, Event(1, {"job:1", "user:1"}));
  Store(&history, Event(2, {"job:2"}));
  StoreVoid(&history, 3);
  Store(&history, Event(4, {"job:2", "user:1"}));
  Store(&history, Event(5, {"job:3"}));
  const NameSet exact = Names({"job:1", "user:1"});
  EXPECT_THAT(Seqs(history.Read({.names = &exact})), ElementsAre(1, 4));
  const NameSet pattern = Names({"job:*", "user:1"});
  const Page page = history.Read({.names = &pattern, .after = 1});
  EXPECT_THAT(Seqs(page), ElementsAre(2, 4, 5));
  EXPECT_EQ(page.position, 5u);
  EXPECT_FALSE(page.more);
  EXPECT_EQ(history.Read({.names = &pattern, .through = 4}).position, 4u);
}

TEST(MemoryHistoryTest, AgreesWithAScanOfAllEvents) {
  std::mt19937 random(7);
  MemoryHistory history({});
  std::vector<EventPtr> all;
  for (uint64_t seq = 1; seq <= 600; ++seq) {
    std::vector<std::string> names = {"job:" + std::to_string(random() % 20)};
    if (random() % 3 == 0) names.push_back("user:" + std::to_string(random() % 4));
    all.push_back(random() % 10 == 0 ? nullptr : Event(seq, names, 10, random() % 2 ? "notice" : "output"));
    const Entry entry{seq, kSecond, all.back()};
    EXPECT_TRUE(history.Store({&entry, 1}).ok());
  }
  for (int round = 0; round < 400; ++round) {
    NameSet names;
    for (unsigned i = random() % 6 + 1; i > 0; --i) {
      names.Add("job:" + std::to_string(random() % 25), random() % 3 ? 0 : random() % 600);
    }
    if (random() % 3 == 0) names.Add("user:*", random() % 2 ? 0 : random() % 600);
    if (random() % 2 == 0) names.Add("user:" + std::to_string(random() % 4));
    const TypeSet types = random() % 2 ? TypeSet{} : TypeSet{"output"};
    Query query{.names = &names, .types = &types, .after = random() % 600};
    query.through = random() % 2 ? query.through : random() % 700;
    query.max_events = random() % 20 + 1;
    std::vector<uint64_t> expected;
    for (const auto& event : all) {
      if (event == nullptr || event->seq <= query.after || event->seq > query.through) continue;
      if (names.Wants(*event) && (types.empty() || types.contains(event->type))) expected.push_back(event->seq);
    }
    const size_t count = random() % 30 + 1;
    const uint64_t before_last = history.PositionBeforeLast(query, count).value();
    std::vector<uint64_t> got;
    Page page;
    do {
      page = history.Read(query);
      ASSERT_LE(page.events.size(), query.max_events);
      for (const uint64_t seq : Seqs(page)) got.push_back(seq);
      query.after = page.position;
    } while (page.more);
    ASSERT_EQ(got, expected) << "round " << round;

    query.after = before_last;
    query.max_events = 1000;
    std::vector<uint64_t> newest;
    for (const auto& event : all) {
      if (event == nullptr || event->seq > query.through) continue;
      if (names.Wants(*event) && (types.empty() || types.contains(event->type))) newest.push_back(event->seq);
    }
    if (newest.size() > count) newest.erase(newest.begin(), newest.end() - count);
    ASSERT_EQ(Seqs(history.Read(query)), newest) << "round " << round;
  }
}

TEST(MemoryHistoryTest, PageEndsAtItsBytesButHoldsOneEvent) {
  MemoryHistory history({});
  Store(&history, Event(1, {"job:1"}, 100));
  Store(&history, Event(2, {"job:1"}, 100));
  const NameSet names = Names({"job:1"});
  EXPECT_EQ(history.Read({.names = &names, .max_bytes = 200}).events.size(), 2u);
  const Page page = history.Read({.names = &names, .max_bytes = 199});
  EXPECT_THAT(Seqs(page), ElementsAre(1));
  EXPECT_EQ(page.position, 1u);
  EXPECT_TRUE(page.more);
  EXPECT_EQ(history.Read({.names = &names, .max_bytes = 1}).events.size(), 1u);
}

TEST(MemoryHistoryTest, OneReadLooksAtABoundedNumberOfRecords) {
  MemoryHistory history({});
  for (uint64_t seq = 1; seq <= kMaxScan + 1; ++seq) Store(&history, Event(seq, {"job:1"}, 0, "output"));
  const TypeSet types = {"notice"};
  for (const char* name : {"job:1", "job:*"}) {
    const NameSet names = Names({name});
    const Page page = history.Read({.names = &names, .types = &types});
    EXPECT_EQ(page.position, kMaxScan) << name;
    EXPECT_TRUE(page.more) << name;
    EXPECT_FALSE(history.Read({.names = &names, .types = &types, .after = page.position}).more) << name;
    EXPECT_EQ(history.PositionBeforeLast({.names = &names, .types = &types}, 1).value(), 0u) << name;
  }
}

TEST(MemoryHistoryTest, RetentionByBytesKeepsTheNewestAndTheirIndex) {
  const size_t each = Event(1, {"job:1"}, 1000)->Cost();
  MemoryHistory history({.max_bytes = 10 * (each + 200)});
  for (uint64_t seq = 1; seq <= 1000; ++seq) Store(&history, Event(seq, {"job:" + std::to_string(seq), "user:1"}, 1000));
  const Bounds bounds = history.bounds();
  EXPECT_EQ(bounds.head, 1000u);
  EXPECT_GE(bounds.floor, 985u);
  EXPECT_LE(bounds.floor, 992u);
  EXPECT_EQ(history.indexed_names(), bounds.head - bounds.floor + 1) << "trimmed resources leave the index";
  const NameSet names = Names({"user:1"});
  EXPECT_EQ(history.Read({.names = &names, .after = bounds.floor}).events.size(), bounds.head - bounds.floor);
}

TEST(MemoryHistoryTest, RetentionByAgeDropsWhatIsOlderAndNothingElse) {
  MemoryHistory history({.max_age = std::chrono::seconds(10)});
  Store(&history, Event(1, {"job:1"}), 100 * kSecond);
  Store(&history, Event(2, {"job:1"}), 105 * kSecond);
  history.Trim(110 * kSecond);
  EXPECT_EQ(history.bounds().floor, 0u);
  history.Trim(110 * kSecond + 1);
  EXPECT_EQ(history.bounds().floor, 1u);
  history.Trim(200 * kSecond);
  EXPECT_EQ(history.bounds().floor, 2u);
  EXPECT_EQ(history.indexed_names(), 0u);
}

TEST(MemoryHistoryTest, PositionAtTheFloorResumesAndOneBelowIsExpired) {
  MemoryHistory history({.max_age = std::chrono::seconds(1)});
  for (uint64_t seq = 1; seq <= 5; ++seq) Store(&history, Event(seq, {"job:1"}), seq * kSecond);
  ASSERT_EQ(history.bounds().floor, 3u);
  const NameSet names = Names({"job:1"});
  EXPECT_THAT(Seqs(history.Read({.names = &names, .after = 3})), ElementsAre(4, 5));
  const Page expired = history.Read({.names = &names, .after = 2});
  EXPECT_TRUE(expired.expired);
  EXPECT_THAT(expired.events, IsEmpty());
  EXPECT_EQ(expired.floor, 3u);
  EXPECT_EQ(history.PositionBeforeLast({.names = &names}, 100).value(), 3u);
}

TEST(MemoryHistoryTest, AResourceWithOneEventCostsTheIndexLessThanAKilobyte) {
  // What the index holds for it: a map slot with the name, and one sequence.
  EXPECT_LE(sizeof(std::pair<std::string, std::vector<uint64_t>>) + 64 + 161, 1024u);
  EXPECT_LE(Event(1, {"job:1"}, 0)->Cost(), 512u);
}

}  // namespace
}  // namespace milepost::history
