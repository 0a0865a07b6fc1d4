// One event loop's connection to the service: its trunk, its reads, its publishes, its calls about jobs.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "edge/feed/feed_table.h"
#include "edge/feed/frame_cache.h"
#include "edge/feed/source.h"
#include "edge/upstream/calls.h"
#include "edge/upstream/job_calls.h"
#include "edge/upstream/trunk_stream.h"
#include "grpcpp/generic/generic_stub.h"
#include "milepost/v1/event_service.grpc.pb.h"

namespace milepost::edge::upstream {

// gRPC lets a name appear so often in one request; the rest follows by updates.
inline constexpr size_t kMaxNames = 4096;
// Reads under way at once; with pages of at most 1 MiB this bounds the memory of catching up.
inline constexpr size_t kMaxReads = 32;
// And of snapshots, whose answers may have 12 MiB each.
inline constexpr size_t kMaxSnapshotReads = 4;
// Resources of one combined snapshot read.
inline constexpr size_t kMaxSnapshotNames = 512;

// A channel with this project's settings: keepalive, small receive windows, no retries of its own, quick
// reconnects. `own_connection` keeps it from sharing a connection with other channels of the process.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target, bool own_connection);

// Used on the loop's thread, but for Stop and ready. Reconnects with jittered backoff for as long as it lives; the feeds
// and their readers notice nothing but a pause.
class Upstream final : public feed::Source {
 public:
  // All outlive the Upstream; `loop` outlives Stop.
  Upstream(std::shared_ptr<grpc::Channel> channel, feed::FeedTable& table, feed::LoopExecutor& loop,
           feed::FrameCache& cache);
  ~Upstream() override;

  // Opens the trunk.
  void Start();
  // Ends every call and waits for that. When the loop has stopped; any thread but gRPC's.
  void Stop();
  // Calls the service every `period`, because gRPC's callback threads doze when nothing happens for a second,
  // and the next event would wait for them to wake up (up to 100 ms).
  void KeepAwake(absl::Duration period);

  void Read(feed::ReadSpec spec, ReadDone done) override;
  void Publish(v1::PublishRequest request, PublishDone done) override;
  void GetJob(v1::GetJobRequest request, GetJobDone done) override;
  void ListJobs(v1::ListJobsRequest request, ListJobsDone done) override;
  void ControlJob(v1::ControlJobRequest request, ControlJobDone done) override;
  void FeedsChanged() override;
  bool ready() const override { return ready_.load(std::memory_order_relaxed); }

 private:
  struct PendingRead {
    feed::ReadSpec spec;
    std::vector<ReadDone> waiters;
  };
  struct SnapshotWaiter {
    feed::ReadSpec spec;
    ReadDone done;
    bool alone = false;  // not to be combined with other wishes
  };

  void OpenTrunk();
  void OnMessage(TrunkMessage message);
  void OnTrunkDone(const grpc::Status& status);
  void SendUpdate(feed::FeedTable::Update update);
  void QueueRead(feed::ReadSpec spec, ReadDone done);
  void StartReads();
  std::vector<SnapshotWaiter> NextSnapshotWaiters();
  void StartSnapshotRead();
  void CallRead(feed::ReadSpec spec, ReadDone done);
  void ReadPastDamage(const v1::ReadRequest& request, const absl::Status& damage, ReadDone done);

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::EventService::Stub> stub_;
  grpc::GenericStub health_;
  feed::FeedTable& table_;
  feed::LoopExecutor& loop_;
  feed::FrameCache& cache_;
  Calls calls_;
  JobCalls job_calls_;
  std::atomic<bool> ready_ = false;

  std::shared_ptr<TrunkStream> trunk_;  // null between trunks; shared with the call itself
  std::string subscription_id_;
  bool told_away_ = false; // in the log, for this time that the service is away
  bool damaged_ = false;   // the service cannot read its store where the last trunk was
  uint32_t failures_ = 0;  // trunks in a row that did not open
  std::minstd_rand random_{std::random_device{}()};

  absl::flat_hash_map<std::string, std::shared_ptr<PendingRead>> reads_;  // by ReadSpec::Key, until answered
  std::deque<std::shared_ptr<PendingRead>> queued_reads_;                 // those not called yet, oldest first
  std::vector<SnapshotWaiter> queued_snapshots_;
  size_t reads_under_way_ = 0;           // those of snapshots too
  size_t snapshot_reads_under_way_ = 0;
  bool snapshots_scheduled_ = false;
};

}  // namespace milepost::edge::upstream
