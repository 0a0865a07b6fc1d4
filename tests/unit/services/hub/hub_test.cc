// The hub: cursors, marks of updates, filters, limits.
#include "services/hub/hub.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/events.h"

namespace milepost::hub {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::CommitPath;
using testing::MakeNotice;
using testing::MakeProgress;

constexpr size_t kPlenty = 1 << 20;

// A subscription and how often it was woken.
struct Reader {
  Reader(CommitPath* path, std::vector<std::string> names, const char* cursor = nullptr,
         SubscriptionOptions options = {})
      : path(path) {
    const std::string text = cursor ? cursor : "";
    auto made = path->hub.Subscribe("id" + std::to_string(++ids), names, cursor ? &text : nullptr, std::move(options),
                                    [this] { ++wakes; }, &start);
    EXPECT_TRUE(made.ok());
    subscription = *made;
  }
  ~Reader() { path->hub.Close(subscription); }

  std::vector<uint64_t> Take(size_t max_bytes = kPlenty) {
    batch = subscription->Take(max_bytes);
    std::vector<uint64_t> seqs;
    for (const auto& event : batch.events) seqs.push_back(event->seq);
    return seqs;
  }

  static inline int ids = 0;
  CommitPath* path;
  Start start;
  std::shared_ptr<Subscription> subscription;
  Batch batch;
  int wakes = 0;
};

TEST(HubTest, AnEventThatHitsASubscriptionByManyNamesIsTakenOnce) {
  CommitPath path;
  Reader reader(&path, {"job:1", "user:1", "job:*", "user:*", "job:1"});
  path.Append(MakeNotice("job:1", {"user:1"}));
  EXPECT_THAT(reader.Take(), ElementsAre(1));
  EXPECT_THAT(reader.Take(), IsEmpty());
}

TEST(HubTest, AnEmptyTakePromisesOneWake) {
  CommitPath path;
  Reader reader(&path, {"job:1"});
  path.Append(MakeNotice("job:1"));
  EXPECT_EQ(reader.wakes, 0) << "nobody waits yet";
  EXPECT_THAT(reader.Take(), ElementsAre(1));
  EXPECT_THAT(reader.Take(), IsEmpty());
  path.Append(MakeNotice("job:2"));
  EXPECT_EQ(reader.wakes, 0);
  path.Append(MakeNotice("job:1"));
  path.Append(MakeNotice("job:1"));
  EXPECT_EQ(reader.wakes, 1);
  EXPECT_THAT(reader.Take(), ElementsAre(3, 4));
}

TEST(HubTest, PositionFollowsTheHeadWhileNothingIsWanted) {
  CommitPath path;
  Reader reader(&path, {"job:1"});
  reader.Take();
  path.Append(MakeNotice("job:2"));
  path.hub.Tick(0);
  EXPECT_EQ(reader.wakes, 1);
  reader.Take();
  EXPECT_TRUE(reader.batch.refresh);
  EXPECT_EQ(reader.batch.position, 1u);
  reader.Take();
  path.hub.Tick(0);
  EXPECT_EQ(reader.wakes, 1) << "the head has not moved";
}

TEST(HubTest, ResumesAfterLastTakenEvent) {
  CommitPath path;
  for (int i = 0; i < 5; ++i) path.Append(MakeNotice("job:1"));
  Reader reader(&path, {"job:1"}, "testtest-3");
  EXPECT_EQ(reader.start.position, 3u);
  EXPECT_EQ(reader.start.reset, v1::Reset::REASON_UNSPECIFIED);
  EXPECT_THAT(reader.Take(), ElementsAre(4, 5));
  path.Append(MakeNotice("job:1"));
  EXPECT_THAT(reader.Take(), ElementsAre(6));
}

TEST(HubTest, WordsAndBadCursorsLeadWhereTheContractSays) {
  CommitPath path({.max_age = std::chrono::seconds(10)});
  path.Append(MakeNotice("job:1"));
  path.Append(MakeNotice("job:1"));
  path.now += 11'000'000'000;
  path.Append(MakeNotice("job:1"));
  const struct {
    const char* cursor;
    uint64_t position;
    v1::Reset::Reason reset;
  } cases[] = {
      {"earliest", 2, v1::Reset::REASON_UNSPECIFIED},   {"latest", 3, v1::Reset::REASON_UNSPECIFIED},
      {"testtest-2", 2, v1::Reset::REASON_UNSPECIFIED}, {"testtest-3", 3, v1::Reset::REASON_UNSPECIFIED},
      {"testtest-1", 3, v1::Reset::EXPIRED},            {"testtest-0", 3, v1::Reset::EXPIRED},
      {"testtest-4", 3, v1::Reset::FUTURE},             {"othertes-2", 3, v1::Reset::EPOCH},
      {"", 3, v1::Reset::MALFORMED},                    {"Latest", 3, v1::Reset::MALFORMED},
      {"testtest-02", 3, v1::Reset::MALFORMED},         {"testtest-99999999999999999999", 3, v1::Reset::MALFORMED},
  };
  for (const auto& c : cases) {
    const Start start = path.hub.Resolve(c.cursor);
    EXPECT_EQ(start.position, c.position) << c.cursor;
    EXPECT_EQ(start.reset, c.reset) << c.cursor;
  }
}

TEST(HubTest, ABatchEndsAtItsBytesAndTheRestFollows) {
  CommitPath path;
  Reader reader(&path, {"job:1"});
  for (int i = 0; i < 3; ++i) path.Append(MakeNotice("job:1"));
  EXPECT_THAT(reader.Take(1), ElementsAre(1));
  EXPECT_EQ(reader.batch.position, 1u) << "not the head: 2 and 3 were not taken";
  EXPECT_THAT(reader.Take(1), ElementsAre(2));
  EXPECT_THAT(reader.Take(), ElementsAre(3));
}

TEST(HubTest, AReaderThatDoesNotReadKeepsAListUpToItsLimitAndLosesNothing) {
  CommitPath path;
  Reader reader(&path, {"job:1"}, nullptr, {.max_ready_events = 4});
  std::vector<uint64_t> all;
  for (uint64_t seq = 1; seq <= 4; ++seq) all.push_back(path.Append(MakeNotice("job:1")).seq);
  EXPECT_EQ(reader.Take(1), std::vector<uint64_t>{1}) << "at the limit the list stands";
  for (uint64_t seq = 5; seq <= 100; ++seq) path.Append(MakeNotice("job:1"));
  std::vector<uint64_t> got = {1};
  while (true) {
    const auto seqs = reader.Take(20);
    if (seqs.empty()) break;
    got.insert(got.end(), seqs.begin(), seqs.end());
    EXPECT_EQ(reader.batch.position, got.back());
  }
  ASSERT_EQ(got.size(), 100u);
  for (uint64_t seq = 1; seq <= 100; ++seq) EXPECT_EQ(got[seq - 1], seq);
}

TEST(HubTest, AReaderThatFellBehindRetentionIsToldAndGoesOnFromTheHead) {
  CommitPath path({.max_age = std::chrono::seconds(1)});
  Reader reader(&path, {"job:1"}, nullptr, {.max_ready_events = 1});
  for (int i = 0; i < 5; ++i) {
    path.Append(MakeNotice("job:1"));
    path.now += 2'000'000'000;
  }
  path.Append(MakeNotice("job:1"));
  reader.Take();
  EXPECT_TRUE(reader.batch.expired);
  EXPECT_EQ(reader.batch.position, 6u);
  path.Append(MakeNotice("job:1"));
  EXPECT_THAT(reader.Take(), ElementsAre(7));
  EXPECT_FALSE(reader.batch.expired);
}

TEST(HubTest, AnUpdateIsMarkedWhereItTookEffect) {
  CommitPath path;
  Reader reader(&path, {"job:1"});
  path.Append(MakeNotice("job:1"));
  path.Append(MakeNotice("job:2"));
  ASSERT_TRUE(path.hub.Update(reader.subscription->id(), 1, {"job:2"}, {"job:1"}).ok());
  path.Append(MakeNotice("job:1"));
  path.Append(MakeNotice("job:2"));
  EXPECT_THAT(reader.Take(1), ElementsAre(1)) << "what came before stays";
  EXPECT_THAT(reader.batch.applied, IsEmpty());
  EXPECT_THAT(reader.Take(1), ElementsAre(4));
  ASSERT_EQ(reader.batch.applied.size(), 1u);
  EXPECT_EQ(reader.batch.applied[0].revision, 1u);
  EXPECT_EQ(reader.batch.applied[0].from, 3u);
}

TEST(HubTest, AnUpdateOfAnIdleSubscriptionWakesIt) {
  CommitPath path;
  Reader reader(&path, {});
  path.Append(MakeNotice("job:1"));
  reader.Take();
  ASSERT_TRUE(path.hub.Update(reader.subscription->id(), 1, {"job:1"}, {}).ok());
  EXPECT_EQ(reader.wakes, 1);
  reader.Take();
  ASSERT_EQ(reader.batch.applied.size(), 1u);
  EXPECT_EQ(reader.batch.applied[0].from, 2u);
  EXPECT_GE(reader.batch.position, 1u);
}

TEST(HubTest, ARevisionThatWasSeenChangesNothing) {
  CommitPath path;
  Reader reader(&path, {});
  const std::string& id = reader.subscription->id();
  ASSERT_TRUE(path.hub.Update(id, 2, {"job:1"}, {}).ok());
  ASSERT_TRUE(path.hub.Update(id, 2, {"job:2"}, {}).ok());
  ASSERT_TRUE(path.hub.Update(id, 1, {}, {"job:1"}).ok());
  path.Append(MakeNotice("job:2"));
  path.Append(MakeNotice("job:1"));
  EXPECT_THAT(reader.Take(), ElementsAre(2));
  EXPECT_EQ(reader.batch.applied.size(), 1u);
  EXPECT_TRUE(absl::IsNotFound(path.hub.Update("unknown", 1, {}, {})));
}

TEST(HubTest, AnUpdateMayRemoveAndAddTheSameName) {
  CommitPath path;
  Reader reader(&path, {"job:1", "job:*"});
  ASSERT_TRUE(path.hub.Update(reader.subscription->id(), 1, {"job:1", "job:*"}, {"job:1", "job:*", "job:9"}).ok());
  path.Append(MakeNotice("job:1"));
  EXPECT_THAT(reader.Take(), ElementsAre(1));
  ASSERT_TRUE(path.hub.Update(reader.subscription->id(), 2, {}, {"job:1", "job:*"}).ok());
  path.Append(MakeNotice("job:1"));
  EXPECT_THAT(reader.Take(), IsEmpty());
}

TEST(HubTest, MarksWaitUpToALimit) {
  CommitPath path;
  Reader reader(&path, {});
  const std::string& id = reader.subscription->id();
  for (uint64_t revision = 1; revision <= kMaxWaitingMarks; ++revision) {
    ASSERT_TRUE(path.hub.Update(id, revision, {}, {}).ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(path.hub.Update(id, kMaxWaitingMarks + 1, {}, {})));
  reader.Take();
  EXPECT_EQ(reader.batch.applied.size(), kMaxWaitingMarks);
  EXPECT_TRUE(path.hub.Update(id, kMaxWaitingMarks + 1, {}, {}).ok());
}

TEST(HubTest, SubscriptionsAreLimitedAndTheirPlaceIsGivenBack) {
  CommitPath path;
  std::vector<std::shared_ptr<Subscription>> open;
  Start start;
  for (size_t i = 0; i < kMaxSubscriptions; ++i) {
    open.push_back(*path.hub.Subscribe(std::to_string(i), {"job:1"}, nullptr, {}, [] {}, &start));
  }
  EXPECT_TRUE(absl::IsResourceExhausted(path.hub.Subscribe("x", {}, nullptr, {}, [] {}, &start).status()));
  path.hub.Close(open.back());
  path.hub.Close(open.back());
  EXPECT_TRUE(path.hub.Subscribe("x", {}, nullptr, {}, [] {}, &start).ok());
  for (const auto& subscription : open) path.hub.Close(subscription);
  EXPECT_EQ(path.hub.subscriptions(), 1u);
  EXPECT_TRUE(absl::IsNotFound(path.hub.Update("0", 1, {}, {})));
}

TEST(HubTest, TypesLetThroughOnlyTheirEventsLiveAndFromHistory) {
  CommitPath path;
  path.Append(MakeNotice("job:1"));
  path.Append(MakeProgress("job:1", "a"));
  Reader reader(&path, {"job:1"}, "earliest", {.types = {"notice"}});
  EXPECT_THAT(reader.Take(), ElementsAre(1));
  EXPECT_EQ(reader.batch.position, 2u) << "positions advance over what is filtered";
  path.Append(MakeProgress("job:1", "a"));
  path.Append(MakeNotice("job:1"));
  EXPECT_THAT(reader.Take(), ElementsAre(4));
}

TEST(HubTest, LatestProgressSkipsOnlyOlderProgressOfTheSameStep) {
  CommitPath path;
  Reader reader(&path, {"job:1", "job:2"}, nullptr, {.latest_progress = true});
  path.Append(MakeProgress("job:1", "a"));  // 1: skipped
  path.Append(MakeProgress("job:1", "b"));  // 2
  path.Append(MakeNotice("job:1"));         // 3
  path.Append(MakeProgress("job:2", "a"));  // 4
  path.Append(MakeProgress("job:1", "a"));  // 5
  v1::ProgressEvent next_attempt = MakeProgress("job:1", "a");
  next_attempt.set_attempt(2);
  path.Append(next_attempt);                // 6
  EXPECT_THAT(reader.Take(1), ElementsAre(2)) << "all that wait count, not only what fits";
  EXPECT_THAT(reader.Take(), ElementsAre(3, 4, 5, 6));
}

TEST(HubTest, WaitsUntilTheLogIsThereOrTheTimeIsOver) {
  CommitPath path;
  std::vector<std::string> said;
  path.hub.WaitFor(0, 10, [&](bool reached) { said.push_back(reached ? "now" : "no"); });
  path.hub.WaitFor(1, 10, [&](bool reached) { said.push_back(reached ? "one" : "no"); });
  path.hub.WaitFor(2, 10, [&](bool reached) { said.push_back(reached ? "two" : "late"); });
  path.Append(MakeNotice("job:1"));
  path.hub.Tick(9);
  EXPECT_THAT(said, ElementsAre("now", "one"));
  path.hub.Tick(10);
  EXPECT_THAT(said, ElementsAre("now", "one", "late"));
  path.hub.WaitFor(2, 20, [&](bool reached) { said.push_back(reached ? "two" : "ended"); });
  path.hub.EndWaits();
  path.hub.WaitFor(2, 20, [&](bool reached) { said.push_back(reached ? "two" : "refused"); });
  EXPECT_THAT(said, ElementsAre("now", "one", "late", "ended", "refused"));
}

}  // namespace
}  // namespace milepost::hub
