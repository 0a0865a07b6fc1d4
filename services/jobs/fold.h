// Fold: from records in their order to verdicts and jobs.
//
// Pure: the answer depends on the records so far and on nothing else, so every replica that folds the same log
// comes to the same verdicts. It has no clock; time is the records' commit time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "milepost/v1/event.pb.h"
#include "services/jobs/aged_table.h"
#include "services/jobs/estimate.h"
#include "services/jobs/job.h"
#include "services/jobs/number_marks.h"

namespace milepost::jobs {

// Most sticky resources of one job.
inline constexpr size_t kMaxJobResources = 16;
// And most labels.
inline constexpr size_t kMaxJobLabels = 64;
// Most jobs, producers and remembered results of idempotent calls; past it the longest unused is forgotten.
inline constexpr size_t kMaxJobs = 1'000'000;
inline constexpr size_t kMaxProducers = 100'000;
inline constexpr size_t kMaxIdempotencyKeys = 20'000;
inline constexpr int64_t kDayNanos = int64_t{24} * 3600 * 1'000'000'000;
// How long a producer is remembered after its last record, and a job if nothing else is said.
inline constexpr int64_t kMemoryNanos = 7 * kDayNanos;
// How long a repeated call gets its first answer.
inline constexpr int64_t kIdempotencyNanos = kDayNanos;

// A record in its place. The event is valid by itself (services/rpc/validate.h).
struct Input {
  uint64_t seq = 0;
  int64_t commit_nanos = 0;               // never less than the record's before it
  v1::ProgressEvent* event = nullptr;     // completed in place; null: only uses up the producer's number
  bool stored = false;                    // `event` was an event before: what was computed for it then stays
  absl::string_view producer;             // empty: none
  // The producer's number, from 1. 0, without an event: it ended its stream by its own word and released its lease.
  uint64_t number = 0;
  // The first record of a stream. A producer sends again all that was not acked, lowest first, so whatever lies below
  // was acked once: before the log forgot the producer, or before a loss of power or a restored backup took it away.
  bool first_of_stream = false;
  int64_t lease_nanos = 0;                // with first_of_stream: that of the stream; 0: the default
  absl::string_view idempotency_key;      // empty: none
  absl::string_view idempotency_content;  // digest of the call's events
  size_t index = 0;                       // the event's place in the call
  uint64_t only_after = 0;                // not 0: void if the job has an event after this one
};

struct Verdict {
  bool is_event = false;  // false: void; nobody sees it
  // Why it is void. OK for a repetition of an event that is in the log.
  absl::Status status;
  uint64_t seq = 0;            // where the event is: the record's own place, or the first one's if repeated; or 0
  uint64_t producer_mark = 0;  // the producer's contiguous mark after this record
  // For an event: the job, then all sticky resources in force.
  std::shared_ptr<const std::vector<std::string>> names;
};

// Not thread-safe.
class Fold {
  struct Producer {
    NumberMarks marks;
    bool released = false;
    int64_t lease_nanos = 0;  // of its newest stream; 0: the default
  };
  // What a call with an idempotency key got; empty places were not reached yet.
  struct Call {
    std::string content;
    std::vector<Verdict> results;
  };

 public:
  // A job is forgotten so long after its last record.
  explicit Fold(int64_t keep_jobs_nanos = kMemoryNanos) : jobs_(kMaxJobs, keep_jobs_nanos) { jobs_.NoteForgotten(); }
  Fold(const Fold&) = delete;

  // Records come in order. An event gets its seq, commit_time and the resources in force.
  Verdict Apply(const Input& input);

  // The contiguous mark of a producer; 0 if it is not known.
  uint64_t ProducerMark(absl::string_view producer) const;

  // True if the producer released its lease and has published nothing since.
  bool Released(absl::string_view producer) const;
  // How long the lease of its newest stream is; 0: the default, or it is not known.
  int64_t LeaseNanos(absl::string_view producer) const;

  // What became of jobs since the last call. From here on those are left as they are: what comes makes new ones.
  JobChanges TakeChanges();

  // Calls f(const JobPtr&) for every job that is known.
  template <typename F>
  void ForEachJob(F&& f) const {
    jobs_.ForEachUsedSince(0, [&](const std::string&, Stamp, const Slot& slot) { f(JobPtr(slot.job)); });
  }

  // --- The fold as rows (views.proto): all rows that were saved, each in its newest form, make the same fold again.

  // From now on Save also tells what was forgotten.
  void KeepRows();

  // Calls row(key, value) for all that changed after the record `seq`; without a value for what was forgotten since
  // the last Save. Costs what it calls for. The changes were taken.
  void Save(uint64_t seq, const std::function<void(std::string key, std::string value)>& row);

  // Fills an empty fold with rows in any order. DATA_LOSS if one cannot be read.
  class Loader {
   public:
    explicit Loader(Fold* fold) : fold_(fold) {}
    absl::Status Add(absl::string_view key, absl::string_view value);
    // After the last row.
    void Finish();

   private:
    template <typename Value>
    struct Row {
      Stamp used;
      std::string key;
      Value value;
    };
    Fold* const fold_;
    std::vector<Row<std::shared_ptr<Job>>> jobs_;
    std::vector<Row<Producer>> producers_;
    std::vector<Row<Call>> calls_;
  };

 private:
  // A job, and whether it was made since the last TakeChanges, so that nobody else has it and it may be changed in place.
  struct Slot {
    std::shared_ptr<Job> job;
    uint64_t made_in = 0;
  };

  // True if the verdict is given by an earlier call.
  bool Repeats(const Input& input, Verdict* verdict);
  void Judge(const Input& input, Verdict* verdict);
  // What the service says of the job with this event: goes into both.
  void AddEstimates(const Input& input, Job* job);
  // The job to be changed: a new one, or a new version of the one that is known.
  Job& Change(Slot& slot);

  AgedTable<Slot> jobs_;
  Kinds kinds_;
  uint64_t changes_ = 1;  // counts the calls of TakeChanges
  std::vector<JobPtr> changed_;
  bool keep_rows_ = false;
  std::vector<std::string> forgotten_jobs_;  // since the last Save; only with keep_rows_
  AgedTable<Producer> producers_{kMaxProducers, kMemoryNanos};
  AgedTable<Call> calls_{kMaxIdempotencyKeys, kIdempotencyNanos};
};

}  // namespace milepost::jobs
