// The service on a disk that is slow or fails: producers are slowed and never told what is not so.
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/history/memory_history.h"
#include "services/log/embedded_log.h"
#include "services/rpc/server.h"
#include "tests/integration/service_test_support.h"

namespace milepost::testing {
namespace {

constexpr size_t kEventBytes = 60'000;

// Storing waits while it is held, and fails while it is told to.
class HeldHistory : public history::MemoryHistory {
 public:
  HeldHistory() : MemoryHistory({}) {}
  absl::Status Store(std::span<const history::Entry> entries) override {
    std::unique_lock lock(mutex_);
    storing_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    if (!fault_.ok()) return fault_;
    lock.unlock();
    return MemoryHistory::Store(entries);
  }
  absl::Status Reopen() override {
    const std::lock_guard lock(mutex_);
    return fault_;
  }
  void Hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    storing_ = false;
    changed_.notify_all();
  }
  void Fail(absl::Status fault) {
    const std::lock_guard lock(mutex_);
    fault_ = std::move(fault);
  }
  bool WaitUntilStoring() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kTimeout, [this] { return storing_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false, storing_ = false;
  absl::Status fault_;
};

class DiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    keeper_.Start(&log_);
    ASSERT_TRUE(server_.Start().ok());
    stub_ = v1::EventService::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(server_.port()), grpc::InsecureChannelCredentials()));
  }
  void TearDown() override {
    history_.Hold(false);
    server_.Stop(std::chrono::milliseconds(100));
    log_.Close();
  }

  // One stream; hello is written. Reads in the background.
  struct Stream {
    explicit Stream(v1::EventService::Stub& stub, const std::string& id) {
      SetDeadline(&context);
      call = stub.PublishStream(&context);
      v1::PublishStreamRequest hello;
      hello.mutable_hello()->set_producer_id(id);
      call->Write(hello);
      reader = std::thread([this] {
        v1::PublishStreamResponse response;
        while (call->Read(&response)) {
          const std::lock_guard lock(mutex);
          if (response.has_acked()) acked = response.acked();
          ++answers;
          changed.notify_all();
        }
        const std::lock_guard lock(mutex);
        ended = true;
        changed.notify_all();
      });
    }
    ~Stream() {
      context.TryCancel();
      reader.join();
      call->Finish();
    }
    bool Send(uint64_t number, size_t bytes = 10) {
      v1::PublishStreamRequest request;
      request.mutable_batch()->set_first_number(number);
      *request.mutable_batch()->add_events() = Notice("job:1", std::string(bytes, 'x'));
      return call->Write(request);
    }
    template <typename Condition>
    bool WaitFor(Condition condition) {
      std::unique_lock lock(mutex);
      return changed.wait_for(lock, kTimeout, condition);
    }

    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReaderWriter<v1::PublishStreamRequest, v1::PublishStreamResponse>> call;
    std::thread reader;
    std::mutex mutex;
    std::condition_variable changed;
    uint64_t acked = 0;
    int answers = 0;
    bool ended = false;
  };

  HeldHistory history_;
  hub::Hub hub_{&history_, "testtest"};
  rpc::JobKeeper keeper_{&hub_, int64_t{600} * 1'000'000'000};
  log::EmbeddedLog log_{&history_, &hub_, [] { return int64_t{1'000'000'000}; },
                        log::EmbeddedOptions{.own_threads = true, .retry = std::chrono::milliseconds(10)}};
  rpc::Server server_{rpc::ServerOptions{.listen = "127.0.0.1:0", .read_threads = 2}, &hub_, &history_, &log_, &keeper_};
  std::unique_ptr<v1::EventService::Stub> stub_;
};

TEST_F(DiskTest, ASlowDiskSlowsTheProducerInsteadOfFillingMemory) {
  Stream stream(*stub_, std::string(32, 'a'));
  ASSERT_TRUE(stream.WaitFor([&] { return stream.answers > 0; }));
  history_.Hold(true);
  std::atomic<uint64_t> written = 0;
  std::thread writer([&] {
    for (uint64_t number = 1; number <= 300; ++number) {
      if (!stream.Send(number, kEventBytes)) return;
      written = number;
    }
  });
  ASSERT_TRUE(history_.WaitUntilStoring());
  // Until it no longer gets on: twice the same after a while.
  uint64_t before = 0, now = 0;
  do {
    before = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    now = written;
  } while (now != before);
  EXPECT_LT(now * kEventBytes, size_t{4} << 20) << "of the 18 MB that credit would allow";
  EXPECT_EQ(stream.acked, 0u);
  history_.Hold(false);
  writer.join();
  EXPECT_EQ(written, 300u);
  EXPECT_TRUE(stream.WaitFor([&] { return stream.acked == 300; }));
}

TEST_F(DiskTest, AHelloDuringAWriteIsNotAnsweredWithWhatIsNotStored) {
  Stream first(*stub_, std::string(32, 'b'));
  ASSERT_TRUE(first.WaitFor([&] { return first.answers > 0; }));
  history_.Hold(true);
  ASSERT_TRUE(first.Send(1));
  ASSERT_TRUE(history_.WaitUntilStoring());
  Stream second(*stub_, std::string(32, 'b'));
  history_.Fail(absl::UnavailableError("fsync failed"));
  history_.Hold(false);
  EXPECT_TRUE(second.WaitFor([&] { return second.ended; })) << "refused: what it asks for is not known";
  EXPECT_EQ(second.acked, 0u);
  EXPECT_EQ(second.answers, 0);
  history_.Fail(absl::OkStatus());
}

}  // namespace
}  // namespace milepost::testing
