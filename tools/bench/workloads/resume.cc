#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <optional>
#include <random>

#include "absl/strings/str_cat.h"
#include "tools/bench/client/load_client.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/systems/event_calls.h"
#include "tools/bench/systems/store_directory.h"
#include "tools/bench/workloads/filled_store.h"
#include "tools/bench/workloads/workload.h"

namespace milepost::bench {
namespace {

constexpr uint32_t kMissed = FilledStore::kMissed;
constexpr uint32_t kMostJobs = 300;  // of one way to resume
constexpr int kWarmPasses = 3;
constexpr int64_t kStreamPatience = 10 * kSecond;

// The ways to resume. Each has jobs of its own, so that none warms what another finds cold.
enum Way { kAfter, kLast, kEarliest, kStream, kWays };
constexpr const char* kWayNames[kWays] = {"Read after", "Read last", "Read earliest", "SSE"};

struct Times {
  Histogram cold;
  Histogram warm;
  uint64_t events = 0;  // that were read
};

// One store, the jobs that are read in it, and what came of it over all rounds.
struct Subject {
  FilledStore* store = nullptr;
  std::vector<uint32_t> jobs[kWays];
  std::vector<std::string> cursors[kWays];  // after the first event of each job
  Times times[kWays];
  // Of the current round:
  std::unique_ptr<EventCalls> calls;
  std::unique_ptr<LoadClient> streams;
};

// The small store and the large one. They are read in turn, so that a disturbance of the machine hits both.
using Subjects = std::array<Subject, 2>;

// Of the oldest tenth for `earliest`, of the others for the other ways; at random, the same in every run.
void ChooseJobs(const Settings& settings, Subject& subject) {
  std::vector<uint32_t> all(subject.store->jobs());
  std::iota(all.begin(), all.end(), 0u);
  const uint32_t oldest = std::max(subject.store->jobs() / 10, FilledStore::kLiveJobs / kWays);
  std::shuffle(all.begin(), all.begin() + oldest, std::mt19937(1));
  std::shuffle(all.begin() + oldest, all.end(), std::mt19937(2));
  const uint32_t most = settings.quick ? 5 : kMostJobs;
  const uint32_t each = std::min({most, (subject.store->jobs() - oldest) / (kWays - 1)});
  subject.jobs[kEarliest].assign(all.begin(), all.begin() + std::min(most, oldest));
  uint32_t at = oldest;
  for (const Way way : {kAfter, kLast, kStream}) {
    subject.jobs[way].assign(all.begin() + at, all.begin() + at + each);
    at += each;
  }
}

// Cursors as a reader would have them: from an earlier life of eventd.
absl::Status CollectCursors(Subject& subject) {
  MilepostProcesses& processes = subject.store->processes();
  if (const auto up = processes.StartEventd(); !up.ok()) return up.status();
  EventCalls calls(processes.eventd_target());
  for (int way = 0; way < kWays; ++way) {
    for (const uint32_t job : subject.jobs[way]) {
      const auto page = calls.Read(job, "", 1 + kMissed);
      if (!page.ok()) return page.status();
      if (page->events != 1 + kMissed) return absl::DataLossError(absl::StrCat(JobName(job), " has ", page->events, " events"));
      subject.cursors[way].push_back(page->first_cursor);
    }
  }
  processes.StopEventd();
  return absl::OkStatus();
}

absl::Status ReadOnce(Subject& subject, Way way, size_t i, Histogram& times) {
  const uint32_t job = subject.jobs[way][i];
  const std::string after = way == kLast ? "" : way == kEarliest ? "earliest" : subject.cursors[way][i];
  const auto page = subject.calls->Read(job, after, kMissed);
  if (!page.ok()) return page.status();
  const uint64_t first = way == kEarliest ? 1 : 2;
  if (page->first_number != first || page->last_number != 1 + kMissed) {
    return absl::DataLossError(
        absl::StrCat(kWayNames[way], " of ", JobName(job), ": got ", page->first_number, " to ", page->last_number));
  }
  times.Add(page->nanos);
  subject.times[way].events += page->events;
  return absl::OkStatus();
}

Target StreamTarget(const MilepostProcesses& processes, uint32_t job, const std::string& cursor) {
  return {.address = processes.edge_address(),
          .request = absl::StrCat("GET /v1/events?resources=", JobName(job), "&last_event_id=", cursor,
                                  " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"),
          // The job's last event is its completion, which the decoder does not count.
          .sse = {.ready_event = "connected", .ids_rise = true, .had = 1, .finish = kMissed}};
}

// From connecting to the last event.
absl::Status StreamOnce(Subject& subject, size_t i) {
  const uint32_t job = subject.jobs[kStream][i];
  const uint64_t before = subject.streams->finished();
  const Target target = StreamTarget(subject.store->processes(), job, subject.cursors[kStream][i]);
  if (absl::Status opened = subject.streams->Storm({target}); !opened.ok()) return opened;
  const absl::Status done =
      WaitFor([&] { return subject.streams->finished() > before; }, MonotonicNanos() + kStreamPatience);
  return done.ok() ? done : absl::Status(done.code(), absl::StrCat("SSE of ", JobName(job), ": not all came"));
}

// The subject's job in turn `i` of `turns`: each has its turn once, spread over all of them, or, if they `repeat`, again
// and again. None if nothing is due.
std::optional<size_t> JobOfTurn(size_t i, size_t turns, size_t jobs, bool repeat) {
  if (repeat) return i % jobs;
  const size_t job = i * jobs / turns;
  if (i > 0 && (i - 1) * jobs / turns == job) return std::nullopt;
  return job;
}

template <typename Once>
absl::Status TakeTurns(Subjects& subjects, Way way, bool repeat, Once once) {
  const size_t turns = std::max(subjects[0].jobs[way].size(), subjects[1].jobs[way].size());
  for (size_t i = 0; i < turns; ++i) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    for (Subject& subject : subjects) {
      const auto job = JobOfTurn(i, turns, subject.jobs[way].size(), repeat);
      if (!job) continue;
      if (absl::Status done = once(subject, *job); !done.ok()) return done;
    }
  }
  return absl::OkStatus();
}

absl::Status ReadAll(Subjects& subjects, bool warm) {
  for (const Way way : {kAfter, kLast, kEarliest}) {
    const absl::Status read = TakeTurns(subjects, way, warm, [&](Subject& subject, size_t job) {
      return ReadOnce(subject, way, job, warm ? subject.times[way].warm : subject.times[way].cold);
    });
    if (!read.ok()) return read;
  }
  return absl::OkStatus();
}

// One stream after the other, through edges that know none of the jobs yet.
absl::Status StreamAll(Subjects& subjects, bool warm) {
  for (Subject& subject : subjects) {
    subject.streams = std::make_unique<LoadClient>();
    if (absl::Status up = subject.store->processes().StartEdge(); !up.ok()) return up;
  }
  if (absl::Status streamed = TakeTurns(subjects, kStream, false, StreamOnce); !streamed.ok()) return streamed;
  for (Subject& subject : subjects) {
    const Tally tally = subject.streams->Snapshot();
    if (tally.repeated + tally.skipped + tally.malformed + tally.resets > 0) return absl::DataLossError("SSE: order is broken");
    Times& times = subject.times[kStream];
    (warm ? times.warm : times.cold).Merge(tally.finish);
    times.events += tally.delivered;
  }
  return absl::OkStatus();
}

absl::Status MeasureRound(Subjects& subjects) {
  for (Subject& subject : subjects) {
    MilepostProcesses& processes = subject.store->processes();
    if (const auto up = processes.StartEventd(); !up.ok()) return up.status();
    DropCachedFiles(subject.store->directory());
    subject.calls = std::make_unique<EventCalls>(processes.eventd_target());
    subject.calls->Read(UINT32_MAX, "", 1).IgnoreError();  // the channel stands
  }
  absl::Status measured = ReadAll(subjects, false);
  if (measured.ok()) measured = StreamAll(subjects, false);
  for (int pass = 0; pass < kWarmPasses && measured.ok(); ++pass) {
    measured = ReadAll(subjects, true);
    if (measured.ok()) measured = StreamAll(subjects, true);
  }
  return measured;
}

void StopAll(Subjects& subjects) {
  for (Subject& subject : subjects) {
    subject.calls.reset();
    subject.streams.reset();
    if (subject.store == nullptr) continue;
    subject.store->processes().StopEdge();
    subject.store->processes().StopEventd();
  }
}

absl::Status MeasureResume(Run& run, const SystemKind& kind, Subjects& subjects) {
  const uint64_t sizes[2] = {FilledStore::kSmallest, LargeStoreOf(run.settings)};
  for (size_t i = 0; i < subjects.size(); ++i) {
    const auto store = StoreOf(run, kind, sizes[i]);
    if (!store.ok()) return store.status();
    subjects[i].store = *store;
    ChooseJobs(run.settings, subjects[i]);
    if (absl::Status collected = CollectCursors(subjects[i]); !collected.ok()) return collected;
  }
  for (int round = 1; round <= run.settings.rounds; ++round) {
    ShowProgress(absl::StrCat("resume: round ", round, " of ", run.settings.rounds, ", ", kind.name));
    const absl::Status measured = MeasureRound(subjects);
    StopAll(subjects);
    if (!measured.ok()) return measured;
  }
  ClearProgress();
  return absl::OkStatus();
}

double Ms(const Histogram& times, double share) { return static_cast<double>(times.Quantile(share)) / kMillisecond; }

Row RowOf(const SystemKind& kind, const Subject& subject, int way) {
  const Times& times = subject.times[way];
  Row row;
  row.workload = absl::StrCat("resume ", kWayNames[way], ", ", ShortCount(subject.store->events()));
  row.system = kind.name;
  row.delivered = times.events;
  row.expected = times.events;  // anything else failed at once
  row.unit = "ms cold";
  row.cost = Ms(times.cold, 0.5);
  row.parts = {{"cold p50", *row.cost}, {"cold p99", Ms(times.cold, 0.99)}};
  row.p50_ms = Ms(times.warm, 0.5);
  row.p99_ms = Ms(times.warm, 0.99);
  return row;
}

}  // namespace

Report RunResume(Run& run) {
  Report report;
  report.title = absl::StrCat("resume: one reader of one job after the other, each with ", kMissed, " missed events, at ",
                              ShortCount(FilledStore::kSmallest), " and at ", ShortCount(LargeStoreOf(run.settings)),
                              " retained events; cost: first after a start with no file cached; p50, p99: again, warm");
  for (const SystemKind& kind : OnlySystems(run.settings, {"milepost"}).systems) {
    Subjects subjects;
    const absl::Status measured = MeasureResume(run, kind, subjects);
    StopAll(subjects);
    if (!measured.ok()) {
      report.rows.push_back(TroubleRow("resume", kind.name, measured));
      continue;
    }
    for (int way = 0; way < kWays; ++way) {
      const Row small = RowOf(kind, subjects[0], way);
      const Row large = RowOf(kind, subjects[1], way);
      const std::string name = absl::StrCat("resume ", kWayNames[way]);
      report.verdicts.push_back({name, "warm p50 ≤ 1.5 × that of the small store", Ratio(large.p50_ms, small.p50_ms), 1.5});
      report.verdicts.push_back({name, "warm p99 ≤ 1.5 × that of the small store", Ratio(large.p99_ms, small.p99_ms), 1.5});
      report.verdicts.push_back({name, "cold p50 ≤ 1.5 × that of the small store, which lies in memory", Ratio(large.cost, small.cost), 1.5});
      report.rows.push_back(small);
      report.rows.push_back(large);
    }
  }
  return report;
}

}  // namespace milepost::bench
