// Watch: what the service itself has to say about jobs, because nobody else will.
//
// A worker's lease is renewed by whatever comes on its stream. When it runs out, the worker's jobs are STALLED, and
// after `lost_after` they have failed with WORKER_LOST. Being alive is not moving: a job that is RUNNING without progress
// for longer than is usual for its step is STALLED too, until it moves; if its worker falls silent then, that becomes the
// reason. Deadlines pass. Requests are handed to the worker
// that last published for the job, and end when they were not answered.
//
// It decides on what is published, while the log may hold more already; so what it says holds only if nothing came in
// between (`only_after`), and the fold's rules see to it that everything is said once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "milepost/v1/event_service.pb.h"
#include "services/jobs/job.h"

namespace milepost::jobs {

inline constexpr int64_t kSecond = 1'000'000'000;
// A producer's lease if it did not say, and the least time to come back that a producer has after a start.
inline constexpr int64_t kDefaultLeaseNanos = 30 * kSecond;
// Due is called more often than this, and OnSlept so soon after either. A longer time was one in which the service did not
// work: it does not count against anybody.
inline constexpr int64_t kMaxPauseNanos = 2 * kSecond;
inline constexpr int64_t kMaxSleepNanos = 600'000'000;
// What was said and had no effect, because it could not be stored, is said again after so long.
inline constexpr int64_t kSayAgainNanos = 5 * kSecond;

// An event to append, if the job's newest event is still at `only_after` (0: in any case).
struct Saying {
  v1::ProgressEvent event;
  uint64_t only_after = 0;
};

struct Command {
  std::string producer;
  v1::PublishStreamResponse::Command command;
};

struct Loss {
  std::string producer;
  v1::PublishStreamResponse::Lost lost;
};

// What is to be said in the log, and to producers whose streams are open.
struct Words {
  std::vector<Saying> sayings;
  std::vector<Command> commands;
  std::vector<Loss> losses;
};

// Times: `now` is a monotonic clock's, `wall` is since the Unix epoch; both in nanoseconds. Not thread-safe.
class Watch {
 public:
  // `lost_after`: from the end of a lease to the job's failure.
  explicit Watch(int64_t lost_after_nanos) : lost_after_(lost_after_nanos) {}

  // What became of jobs, in the log's order. Returns what is to be said at once.
  Words OnJobs(const JobChanges& changes, int64_t now);

  // A producer of before this life of the service: it has its lease to come back in, from the time at which its first job
  // was told. Nothing if none was.
  void OnKnown(const std::string& producer, int64_t lease_nanos);

  // A producer's stream began, said something, ended (`clean`: by the producer's own word, which releases the lease).
  void OnConnected(const std::string& producer, int64_t lease_nanos, int64_t now);
  void OnHeard(const std::string& producer, int64_t heard_at);
  void OnDisconnected(const std::string& producer, bool clean, int64_t heard_at);

  // What a producer that begins a stream is told: the requests that wait for it and are not past their deadline, and the
  // jobs it lost, also those that another worker has by now.
  std::vector<Command> CommandsFor(const std::string& producer, int64_t wall) const;
  std::vector<v1::PublishStreamResponse::Lost> LostBy(const std::string& producer) const;

  // To be called every second or so.
  std::vector<Saying> Due(int64_t now, int64_t wall);

  // Whoever calls Due has done nothing since Due or OnSlept but sleep. With a sleep of half of kMaxSleepNanos, no stop of the
  // service ends a lease of a second that is renewed three times in it.
  void OnSlept(int64_t now);

  // Jobs that are looked after.
  size_t size() const { return watched_.size(); }

 private:
  struct Watched {
    JobPtr job;
    int64_t moved_at = 0;      // when it last showed progress, by our clock
    int64_t silence = -1;      // since when the worker was silent when that was said; -1: it was not
    int64_t said_at = 0;       // when something was said about it at said_for
    uint64_t said_for = 0;     // the job's newest event then
    std::vector<std::pair<uint64_t, std::string>> told;  // requests and the producers that have them
  };
  struct Lease {
    int64_t nanos = kDefaultLeaseNanos;
    int64_t heard_at = 0;
    bool connected = false;
    bool released = false;
    bool known = false;  // it had a stream in this life of the service
    absl::flat_hash_set<std::string> jobs;  // watched ones, and lost ones; its own, and those in which it was replaced
    int64_t end() const { return heard_at + nanos; }
  };

  // `now` without the times in which the service did not work.
  int64_t Counted(int64_t now) const { return now - paused_; }
  // Time went on to `now`, which took the service no longer than `most` if it worked.
  void Advance(int64_t now, int64_t most);
  void Look(const JobPtr& job, int64_t now, Words* words);
  void Drop(const std::string& name);
  void Attach(const Job& job, int64_t now);
  void Detach(const Job& job);
  const Lease* LeaseOf(const Job& job) const;
  bool HasWorker(const Job& job, int64_t now) const;

  void SayRequests(const Watched& watched, int64_t now, int64_t wall, std::vector<Saying>* sayings) const;
  void SayState(const Watched& watched, int64_t now, int64_t wall, std::vector<Saying>* sayings) const;

  const int64_t lost_after_;
  int64_t last_seen_ = 0;  // now of the newest Due or OnSlept; or when jobs were first known
  int64_t paused_ = 0;     // all the time in which the service did not work
  absl::flat_hash_map<std::string, Watched> watched_;  // those that have not ended, or have requests
  absl::flat_hash_map<std::string, Lease> leases_;     // by producer
  absl::flat_hash_map<std::string, JobPtr> lost_;      // those that ended, and that a producer has lost
};

}  // namespace milepost::jobs
