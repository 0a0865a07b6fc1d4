// The parts around the producer's protocol: the spool, pauses, names, lost jobs, and the place where threads meet.
#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "clients/cpp/backoff.h"
#include "clients/cpp/lost_jobs.h"
#include "clients/cpp/outbox.h"
#include "clients/cpp/random.h"
#include "tests/unit/clients/cpp/publish_events.h"

namespace milepost::client {
namespace {

using ::testing::SizeIs;

TEST(LostJobsTest, RemembersUpToALimit) {
  LostJobs jobs;
  for (size_t i = 0; i <= kMaxLostJobs; ++i) jobs.Add(absl::StrCat("job:", i), 1, false);
  v1::ProgressEvent event;
  event.set_job("job:0");
  EXPECT_EQ(jobs.AttemptOf(event), 1u);
  event.set_job("job:1");
  EXPECT_EQ(jobs.AttemptOf(event), 2u);
}

TEST(SpoolTest, ABatchIsBoundedInEventsAndBytes) {
  Spool spool({.max_events = 10000, .max_bytes = 64 * 1024 * 1024});
  for (size_t i = 0; i < kMaxBatchEvents + 1; ++i) spool.Add(Line("x"));
  v1::PublishStreamRequest::Batch batch;
  ASSERT_TRUE(spool.TakeBatch(10000, &batch));
  EXPECT_EQ(batch.events_size(), static_cast<int>(kMaxBatchEvents));
  ASSERT_TRUE(spool.TakeBatch(10000, &batch));
  EXPECT_EQ(batch.events_size(), 1);
  for (int i = 0; i < 5; ++i) spool.Add(Line(std::string(kMaxBatchBytes / 2, 'x')));
  ASSERT_TRUE(spool.TakeBatch(10000, &batch));
  EXPECT_EQ(batch.events_size(), 1);  // a second one would pass the limit
}

TEST(BackoffTest, DoublesItsCeilingUpToTheLimitAndStartsAnew) {
  double random = 1;
  Backoff backoff([&random] { return random; });
  EXPECT_EQ(backoff.Next(), std::chrono::milliseconds(100));
  EXPECT_EQ(backoff.Next(), std::chrono::milliseconds(200));
  for (int i = 0; i < 10; ++i) backoff.Next();
  EXPECT_EQ(backoff.Next(), Backoff::kMax);
  random = 0;
  EXPECT_EQ(backoff.Next().count(), 0);
  random = 1;
  backoff.Reset();
  EXPECT_EQ(backoff.Next(), Backoff::kFirst);
}

TEST(RandomTest, IdsAreFitForAProducerAndDiffer) {
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) ids.insert(RandomId());
  EXPECT_THAT(ids, SizeIs(100));
  EXPECT_THAT(*ids.begin(), SizeIs(32));
}

// Many threads publish while a driver talks to a service that answers, breaks and forgets nothing: every event arrives
// once, each thread's in its order. Under ThreadSanitizer this is the test of the producer's threads.
TEST(OutboxTest, EveryEventOfEveryThreadArrivesOnceAndInOrder) {
  constexpr int kThreads = 4, kEvents = 2000;
  Outbox outbox({.producer_id = RandomId(), .limits = {.max_events = kThreads * kEvents, .max_bytes = 64 * 1024 * 1024}});
  std::vector<std::string> stored;
  uint64_t mark = 0;
  std::atomic<bool> stop = false;
  std::thread driver([&] {
    int writes = 0;
    while (!stop) {
      outbox.OnConnected();
      bool broken = false;
      while (!broken && !stop) {
        v1::PublishStreamRequest request;
        if (!outbox.NextRequest(std::chrono::steady_clock::now(), &request)) {
          outbox.Wait(std::chrono::steady_clock::now() + std::chrono::seconds(1));
          continue;
        }
        // Every seventh stream breaks: before the service has the events, or before its answer.
        broken = ++writes % 7 == 0;
        if (broken && writes % 2 == 0) break;
        uint64_t number = request.batch().first_number();
        for (const auto& event : request.batch().events()) {
          if (number++ == mark + 1) {
            ++mark;
            stored.push_back(Text(event));
          }
        }
        if (!broken) outbox.OnResponse(Acked(mark));
      }
      outbox.OnDisconnected(absl::UnavailableError("broken"));
    }
    outbox.GiveUp(absl::OkStatus());
  });
  std::vector<std::thread> publishers;
  for (int thread = 0; thread < kThreads; ++thread) {
    publishers.emplace_back([&outbox, thread] {
      for (int i = 0; i < kEvents; ++i) outbox.Add(Line(absl::StrCat(thread, " ", 10000 + i)));
    });
  }
  for (std::thread& publisher : publishers) publisher.join();
  EXPECT_TRUE(outbox.WaitUntilDrained(std::chrono::steady_clock::now() + std::chrono::seconds(30)));
  stop = true;
  outbox.Wake();
  driver.join();
  EXPECT_THAT(stored, SizeIs(kThreads * kEvents));
  std::vector<std::string> newest(kThreads);
  for (const std::string& text : stored) {
    std::string& before = newest[text[0] - '0'];
    EXPECT_LT(before, text);
    before = text;
  }
  const ProducerReport report = outbox.Report();
  EXPECT_EQ(report.acked, static_cast<uint64_t>(kThreads * kEvents));
  EXPECT_EQ(report.dropped + report.rejected + report.unsettled, 0u);
}

TEST(OutboxTest, WaitingForTheEndEndsWhenTheDriverGivesUp) {
  Outbox outbox({.producer_id = RandomId()});
  outbox.Add(Line("a"));
  EXPECT_FALSE(outbox.WaitUntilDrained(std::chrono::steady_clock::now()));
  outbox.GiveUp(absl::AbortedError("taken over"));
  EXPECT_FALSE(outbox.WaitUntilDrained(std::chrono::steady_clock::now() + std::chrono::hours(1)));
  EXPECT_EQ(outbox.Report().unsettled, 1u);
  EXPECT_TRUE(absl::IsAborted(outbox.Report().status));
}

}  // namespace
}  // namespace milepost::client
