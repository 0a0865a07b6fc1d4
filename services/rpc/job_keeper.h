// JobKeeper: leases, stalls and commands, between the streams of the producers and the log.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "milepost/v1/event_service.pb.h"
#include "services/hub/hub.h"
#include "services/jobs/queue_watch.h"
#include "services/jobs/watch.h"
#include "services/log/log.h"
#include "services/rpc/producers.h"

namespace milepost::rpc {

// Knows which stream speaks for which producer, and lets jobs::Watch decide what the service says about jobs. Thread-safe by
// mutex_, which is not held while the log or a stream is called.
class JobKeeper {
 public:
  // `lost_after`: from the end of a worker's lease to the failure of its jobs. `hub` outlives the keeper, which outlives the
  // log's work.
  JobKeeper(hub::Hub* hub, int64_t lost_after_nanos);

  // From here on the service is ready, and time counts. Once, before the first record.
  void Start(log::Log* log);

  // Once a second or so.
  void Tick();
  // The thread that calls Tick has slept since that or this, as often as it does and for no longer than jobs::kMaxSleepNanos,
  // unless the whole service stood still.
  void OnSlept();

  // `stream` speaks for `producer`. Returns the one that did before, or null: the caller ends it.
  std::shared_ptr<PublishStreamReactor> Connect(const std::string& producer, int64_t lease_nanos,
                                                const std::shared_ptr<PublishStreamReactor>& stream);
  // The stream has ended; `clean`: by the producer's word, which releases its lease.
  void Disconnect(const std::string& producer, bool clean, const PublishStreamReactor* stream);

  // Adds to the answer to a hello what waits for the producer: requests, and the jobs that it lost.
  void Greet(const std::string& producer, v1::PublishStreamResponse* reply);

 private:
  void OnJobs(const jobs::JobChanges& changes);
  void Say(std::vector<jobs::Saying> sayings);
  void Send(const jobs::Words& words);

  hub::Hub* const hub_;
  log::Log* log_ = nullptr;
  Producers producers_;
  std::mutex mutex_;
  // Guarded by mutex_.
  jobs::Watch watch_;
  jobs::QueueWatch queues_;
};

}  // namespace milepost::rpc
