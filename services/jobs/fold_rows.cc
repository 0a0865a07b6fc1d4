// The fold as rows: what is saved, and how it is made again.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/canonical.h"
#include "proto/contract/job_state.h"
#include "services/jobs/fold.h"
#include "services/jobs/views.pb.h"

namespace milepost::jobs {
namespace {

constexpr char kJob = 'j';
constexpr char kProducer = 'p';
constexpr char kCall = 'c';
constexpr char kKind = 'k';  // estimate_rows.cc

std::string Key(char table, absl::string_view key) { return absl::StrCat(absl::string_view(&table, 1), key); }

void SetUsed(Stamp used, views::Used* row) {
  row->set_seq(used.seq);
  row->set_nanos(used.nanos);
}

Stamp UsedOf(const views::Used& row) { return {row.seq(), row.nanos()}; }

template <typename Row>
absl::StatusOr<Row> Parse(absl::string_view name, absl::string_view value) {
  Row row;
  if (row.ParseFromArray(value.data(), static_cast<int>(value.size()))) return row;
  return absl::DataLossError(absl::StrCat("views: the row of ", name, " cannot be read"));
}

std::string JobValue(const Job& job, Stamp used) {
  views::JobRow row;
  SetUsed(used, row.mutable_used());
  for (const std::string& name : *job.names) row.add_names(name);
  row.set_state(contract::Canonical(FullState(job)));
  row.set_created(job.created);
  row.set_last(job.last);
  row.set_producer(job.producer);
  for (const std::string& producer : job.replaced) row.add_replaced(producer);
  for (const Request& request : job.requests) {
    auto* kept = row.add_requests();
    kept->set_seq(request.seq);
    kept->set_action(request.action);
    kept->set_phase(request.phase);
    kept->set_deadline_nanos(request.deadline_nanos);
    kept->set_reason(request.reason);
    kept->set_superseded(request.superseded);
  }
  row.set_before_stall(job.before_stall);
  row.set_course(SaveCourse(job.course));
  return row.SerializeAsString();
}

// A row of before there were states says only which resources the job has.
void StateOfOldRow(Job* job) {
  v1::ProgressEvent event;
  event.set_job(job->names->at(0));
  for (size_t i = 1; i < job->names->size(); ++i) event.add_resources((*job->names)[i]);
  contract::Reduce(event, &job->state);
}

absl::StatusOr<std::shared_ptr<Job>> JobOf(const std::string& name, const views::JobRow& row) {
  auto job = std::make_shared<Job>();
  job->names = std::make_shared<const std::vector<std::string>>(row.names().begin(), row.names().end());
  if (job->names->empty() || !job->state.ParseFromString(row.state())) {
    return absl::DataLossError(absl::StrCat("views: the state of ", name, " cannot be read"));
  }
  job->created = row.created() != 0 ? row.created() : row.used().seq();
  job->last = row.last() != 0 ? row.last() : row.used().seq();
  job->producer = row.producer();
  job->replaced.assign(row.replaced().begin(), row.replaced().end());
  for (const auto& kept : row.requests()) {
    job->requests.push_back({.seq = kept.seq(),
                             .action = static_cast<v1::Control::Action>(kept.action()),
                             .phase = static_cast<v1::Control::Phase>(kept.phase()),
                             .deadline_nanos = kept.deadline_nanos(),
                             .reason = kept.reason(),
                             .superseded = kept.superseded()});
  }
  job->before_stall = static_cast<v1::JobState::State>(row.before_stall());
  auto course = LoadCourse(row.course());
  if (!course.ok()) return course.status();
  job->course = *std::move(course);
  if (row.state().empty()) StateOfOldRow(job.get());
  Pack(job.get());
  return job;
}

// Oldest use first, which is the order of a table.
template <typename Rows>
void Sort(Rows* rows) {
  std::sort(rows->begin(), rows->end(), [](const auto& a, const auto& b) { return a.used.seq < b.used.seq; });
}

}  // namespace

void Fold::KeepRows() {
  keep_rows_ = true;
  kinds_.KeepRows();
  producers_.NoteForgotten();
  calls_.NoteForgotten();
}

void Fold::Save(uint64_t seq, const std::function<void(std::string, std::string)>& row) {
  // What was forgotten and then came back is written after its end, and so stays.
  for (const std::string& key : std::exchange(forgotten_jobs_, {})) row(Key(kJob, key), "");
  for (const std::string& key : producers_.TakeForgotten()) row(Key(kProducer, key), "");
  for (const std::string& key : calls_.TakeForgotten()) row(Key(kCall, key), "");
  jobs_.ForEachUsedSince(seq, [&](const std::string& key, Stamp used, const Slot& slot) {
    row(Key(kJob, key), JobValue(*slot.job, used));
  });
  kinds_.Save(seq, row);
  producers_.ForEachUsedSince(seq, [&](const std::string& key, Stamp used, const Producer& known) {
    views::ProducerRow producer;
    SetUsed(used, producer.mutable_used());
    producer.set_mark(known.marks.mark());
    producer.set_released(known.released);
    producer.set_lease_nanos(known.lease_nanos);
    for (const auto& [first, last] : known.marks.runs()) {
      auto* run = producer.add_runs();
      run->set_first(first);
      run->set_last(last);
    }
    row(Key(kProducer, key), producer.SerializeAsString());
  });
  calls_.ForEachUsedSince(seq, [&](const std::string& key, Stamp used, const Call& call) {
    views::CallRow kept;
    SetUsed(used, kept.mutable_used());
    kept.set_content(call.content);
    for (const Verdict& verdict : call.results) {
      auto* result = kept.add_results();
      result->set_seq(verdict.seq);
      result->set_code(static_cast<int>(verdict.status.code()));
      result->set_message(std::string(verdict.status.message()));
    }
    row(Key(kCall, key), kept.SerializeAsString());
  });
}

absl::Status Fold::Loader::Add(absl::string_view key, absl::string_view value) {
  const std::string name(key.substr(std::min<size_t>(1, key.size())));
  switch (key.empty() ? 0 : key[0]) {
    case kJob: {
      const auto row = Parse<views::JobRow>(name, value);
      if (!row.ok()) return row.status();
      auto job = JobOf(name, *row);
      if (!job.ok()) return job.status();
      jobs_.push_back({UsedOf(row->used()), name, *std::move(job)});
      return absl::OkStatus();
    }
    case kProducer: {
      const auto row = Parse<views::ProducerRow>(name, value);
      if (!row.ok()) return row.status();
      std::map<uint64_t, uint64_t> runs;
      for (const auto& run : row->runs()) runs.emplace(run.first(), run.last());
      producers_.push_back({UsedOf(row->used()), name,
                            {NumberMarks::Restore(row->mark(), std::move(runs)), row->released(), row->lease_nanos()}});
      return absl::OkStatus();
    }
    case kCall: {
      const auto row = Parse<views::CallRow>(name, value);
      if (!row.ok()) return row.status();
      Call call{.content = row->content()};
      for (const auto& result : row->results()) {
        Verdict& verdict = call.results.emplace_back();
        verdict.seq = result.seq();
        verdict.status = absl::Status(static_cast<absl::StatusCode>(result.code()), result.message());
      }
      calls_.push_back({UsedOf(row->used()), name, std::move(call)});
      return absl::OkStatus();
    }
    case kKind:
      return fold_->kinds_.Load(key, value);
    default:
      return absl::DataLossError("views: a row is of no known table");
  }
}

void Fold::Loader::Finish() {
  fold_->kinds_.Finish();
  Sort(&jobs_);
  Sort(&producers_);
  Sort(&calls_);
  for (auto& row : jobs_) fold_->jobs_.FindOrAdd(row.key, row.used).job = std::move(row.value);
  for (auto& row : producers_) fold_->producers_.FindOrAdd(row.key, row.used) = std::move(row.value);
  for (auto& row : calls_) fold_->calls_.FindOrAdd(row.key, row.used) = std::move(row.value);
}

}  // namespace milepost::jobs
