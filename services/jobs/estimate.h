// Kinds: one honest percent, and times to the end and to the start, for every job; learned by kind of job.
//
// Pure: the answer depends on the events so far and on nothing else. It has no clock; time is the events' commit time.
// How the estimates are made: README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "milepost/v1/event.pb.h"
#include "milepost/v1/job.pb.h"
#include "services/jobs/aged_table.h"
#include "services/jobs/course.h"
#include "services/jobs/kind_model.h"

namespace milepost::jobs {

// Kinds that are remembered; past it the one that learned nothing for longest is forgotten.
inline constexpr size_t kMaxKinds = 10'000;
// How long a kind is remembered after it learned last.
inline constexpr int64_t kKindMemoryNanos = int64_t{365} * 24 * 3600 * 1'000'000'000;

// What the service says of a job with an event; each absent if unknown. Nanoseconds from the event's commit on.
struct Estimate {
  // How much is done, 0 to 1: 1 only when the job completed, never less than before in the same attempt.
  std::optional<double> overall;
  // To the end: as likely as not to be exceeded, and kept by nine in ten. Only while the job is RUNNING.
  std::optional<int64_t> eta_nanos, eta_p90_nanos;
  // To the start. Only while the job is QUEUED.
  std::optional<int64_t> start_eta_nanos;
};

// Not thread-safe.
class Kinds {
 public:
  Kinds() = default;
  Kinds(const Kinds&) = delete;

  // What to say with `event`. `state` is the job's state after `event` was reduced into it, but with the overall of
  // before; `seq`, `nanos`: the record's place and commit time, which never run backwards. `course` is the job's, empty
  // at first, and follows.
  Estimate After(const v1::ProgressEvent& event, const v1::JobState& state, uint64_t seq, int64_t nanos, Course* course);

  size_t size() const { return kinds_.size(); }

  // --- As rows (views.proto), key 'k' and the kind: all rows that were saved, each in its newest form, make the same
  // models again.

  // From now on Save also tells what was forgotten.
  void KeepRows();

  // Calls row(key, value) for all that changed after the record `seq`; without a value for what was forgotten since the
  // last Save.
  void Save(uint64_t seq, const std::function<void(std::string key, std::string value)>& row);

  // Fills empty models with rows in any order, then Finish. DATA_LOSS if one cannot be read.
  absl::Status Load(absl::string_view key, absl::string_view value);
  void Finish();

 private:
  struct Row {
    Stamp used;
    std::string kind;
    KindModel model;
  };

  AgedTable<KindModel> kinds_{kMaxKinds, kKindMemoryNanos};
  std::vector<Row> loaded_;
};

}  // namespace milepost::jobs
