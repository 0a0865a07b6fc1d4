// The hub under many threads at once; ThreadSanitizer runs this.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "services/hub/hub.h"
#include "tests/support/events.h"

namespace milepost::hub {
namespace {

using testing::CommitPath;
using testing::MakeNotice;

// A reader on a thread of its own that sleeps until it is woken, like a reactor.
class ThreadedReader {
 public:
  ThreadedReader(CommitPath* path, std::string id, const std::vector<std::string>& names, size_t max_ready)
      : path_(path) {
    Start start;
    subscription_ = *path->hub.Subscribe(std::move(id), names, nullptr, {.max_ready_events = max_ready}, [this] { Wake(); }, &start);
    thread_ = std::thread([this] { Run(); });
  }

  // Waits until the reader has taken all up to `head`, and ends it.
  void Join(uint64_t head) {
    {
      const std::lock_guard lock(mutex_);
      until_ = head;
      woken_ = true;
    }
    wake_.notify_all();
    thread_.join();
    path_->hub.Close(subscription_);
  }

  const std::string& id() const { return subscription_->id(); }
  std::vector<uint64_t> seqs;

 private:
  void Wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    wake_.notify_all();
  }

  void Run() {
    uint64_t position = 0;
    while (true) {
      const Batch batch = subscription_->Take(500);
      EXPECT_GE(batch.position, position);
      position = batch.position;
      for (const auto& event : batch.events) seqs.push_back(event->seq);
      std::unique_lock lock(mutex_);
      if (position >= until_) return;
      if (!batch.empty()) continue;
      wake_.wait(lock, [this] { return woken_; });
      woken_ = false;
    }
  }

  CommitPath* const path_;
  std::shared_ptr<Subscription> subscription_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  uint64_t until_ = std::numeric_limits<uint64_t>::max();
  std::thread thread_;
};

TEST(HubThreadsTest, EveryReaderGetsEveryEventInOrderWhileOthersPublishAndUpdate) {
  CommitPath path;
  constexpr int kPublishers = 3, kEvents = 500;
  ThreadedReader all(&path, "all", {"job:*"}, kMaxReadyEvents);
  ThreadedReader hasty(&path, "hasty", {"job:0", "job:1", "job:2"}, 2);
  ThreadedReader changing(&path, "changing", {"job:0"}, 50);

  std::atomic<bool> done = false;
  std::thread housekeeping([&] {
    while (!done) path.hub.Tick(0);
  });
  std::thread updates([&] {
    for (uint64_t revision = 1; revision <= 300; ++revision) {
      const std::vector<std::string> name = {"job:1"};
      EXPECT_TRUE(path.hub.Update("changing", revision, revision % 2 ? name : std::vector<std::string>{},
                                  revision % 2 ? std::vector<std::string>{} : name).ok());
    }
  });
  std::thread comers([&] {
    for (int i = 0; i < 300; ++i) {
      Start start;
      const std::string earliest = "earliest";
      auto subscription = *path.hub.Subscribe("c" + std::to_string(i), {"job:*"}, &earliest, {}, [] {}, &start);
      subscription->Take(1000);
      path.hub.Close(subscription);
    }
  });
  std::vector<std::thread> publishers;
  for (int p = 0; p < kPublishers; ++p) {
    publishers.emplace_back([&path, p] {
      for (int i = 0; i < kEvents; ++i) {
        std::vector<log::Record> records(1);
        records[0].event = std::make_unique<v1::ProgressEvent>(MakeNotice("job:" + std::to_string(p)));
        path.log.Append(std::move(records), [](auto) {});
      }
    });
  }
  for (auto& thread : publishers) thread.join();
  path.log.Close();
  updates.join();
  comers.join();
  const uint64_t head = path.hub.head();
  ASSERT_EQ(head, kPublishers * kEvents);
  for (auto* reader : {&all, &hasty, &changing}) reader->Join(head);
  done = true;
  housekeeping.join();
  for (auto* reader : {&all, &hasty}) {
    ASSERT_EQ(reader->seqs.size(), head);
    for (uint64_t seq = 1; seq <= head; ++seq) ASSERT_EQ(reader->seqs[seq - 1], seq);
  }
  EXPECT_TRUE(std::is_sorted(changing.seqs.begin(), changing.seqs.end()));
  EXPECT_EQ(std::adjacent_find(changing.seqs.begin(), changing.seqs.end()), changing.seqs.end());
  EXPECT_GE(changing.seqs.size(), static_cast<size_t>(kEvents));
}

TEST(HubThreadsTest, NoEventFollowsAPositionThatIsPastIt) {
  CommitPath path;
  constexpr uint64_t kBatches = 100, kEvents = 200;
  Start start;
  auto subscription = *path.hub.Subscribe("id", {"job:1"}, nullptr, {}, [] {}, &start);
  std::thread publisher([&path] {
    for (uint64_t i = 0; i < kBatches; ++i) {
      std::vector<log::Record> records(kEvents);
      for (auto& record : records) record.event = std::make_unique<v1::ProgressEvent>(MakeNotice("job:1"));
      path.log.Append(std::move(records), [](auto) {});
    }
  });
  // Asks all the time instead of waiting to be woken: any moment of a publication may be seen.
  uint64_t position = start.position;
  while (position < kBatches * kEvents && !::testing::Test::HasFailure()) {
    const Batch batch = subscription->Take(1 << 20);
    for (const auto& event : batch.events) EXPECT_GT(event->seq, position);
    EXPECT_GE(batch.position, position);
    position = batch.position;
  }
  publisher.join();
  path.hub.Close(subscription);
}

}  // namespace
}  // namespace milepost::hub
