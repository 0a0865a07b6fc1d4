// The models and courses as rows: what is saved, and how it is made again.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/jobs/course.h"
#include "services/jobs/estimate.h"
#include "services/jobs/views.pb.h"

namespace milepost::jobs {
namespace {

constexpr char kKind = 'k';

void SetMean(const RecentMean& mean, views::RecentMean* row) {
  row->set_mean(mean.mean);
  row->set_count(mean.count);
}

RecentMean MeanOf(const views::RecentMean& row) { return {row.mean(), row.count()}; }

views::KindRow RowOf(const KindModel& model, Stamp used) {
  views::KindRow row;
  row.mutable_used()->set_seq(used.seq);
  row.mutable_used()->set_nanos(used.nanos);
  SetMean(model.total, row.mutable_total());
  SetMean(model.tail, row.mutable_tail());
  SetMean(model.longest_gap, row.mutable_longest_gap());
  for (const StepModel& step : model.steps) {
    auto* kept = row.add_steps();
    kept->set_id(step.id);
    SetMean(step.duration, kept->mutable_duration());
    SetMean(step.longest_gap, kept->mutable_longest_gap());
    kept->set_seen(step.seen);
    kept->set_discovered(step.discovered);
    kept->set_part(step.part);
  }
  for (const Ratios& ratios : model.ratios) {
    auto* kept = row.add_stretches();
    kept->mutable_ratios()->Add(ratios.newest.begin(), ratios.newest.end());
  }
  row.set_level(model.level);
  SetMean(model.starts.interval, row.mutable_start_interval());
  SetMean(model.starts.wait, row.mutable_start_wait());
  row.set_last_start_nanos(model.starts.last_nanos);
  return row;
}

KindModel ModelOf(const views::KindRow& row) {
  KindModel model;
  model.total = MeanOf(row.total());
  model.tail = MeanOf(row.tail());
  model.longest_gap = MeanOf(row.longest_gap());
  for (const auto& kept : row.steps()) {
    if (model.steps.size() >= kMaxKindSteps) break;
    model.steps.push_back({.id = kept.id(), .duration = MeanOf(kept.duration()), .longest_gap = MeanOf(kept.longest_gap()),
                           .seen = kept.seen(), .discovered = kept.discovered(), .part = kept.part()});
  }
  for (int k = 0; k < row.stretches_size() && k < static_cast<int>(kStretches); ++k) {
    const auto& ratios = row.stretches(k).ratios();
    const int skipped = std::max(0, ratios.size() - static_cast<int>(kMaxRatios));
    model.ratios[k].newest.assign(ratios.begin() + skipped, ratios.end());
  }
  model.level = row.level();
  for (Ratios& ratios : model.ratios) ratios.Settle(model.level);
  model.starts = {MeanOf(row.start_interval()), MeanOf(row.start_wait()), row.last_start_nanos()};
  return model;
}

views::CourseRow RowOf(const Course& course) {
  views::CourseRow row;
  row.set_attempt(course.attempt);
  row.set_working(course.working);
  row.set_planned(course.planned);
  row.set_last_nanos(course.last_nanos);
  row.set_work(course.work);
  row.set_moved(course.moved);
  row.set_newest_step(course.newest_step);
  row.set_queued_nanos(course.queued_nanos);
  row.set_quiet_limit(course.quiet_limit);
  row.set_eta(course.eta);
  row.set_eta_nanos(course.eta_nanos);
  row.set_unsettled(course.unsettled);
  row.set_placed_nanos(course.placed_nanos);
  for (const StepCourse& step : course.steps) {
    auto* kept = row.add_steps();
    kept->set_id(step.id);
    kept->set_begun(step.begun);
    kept->set_first(step.first);
    kept->set_moved(step.moved);
    kept->set_ended(step.ended);
    kept->set_spent(step.spent);
    kept->set_longest_gap(step.longest_gap);
    kept->set_from(step.from);
    kept->set_parent(step.parent);
    kept->set_planned(step.planned);
  }
  for (size_t k = 0; k < kStretches; ++k) {
    if (course.foreseen[k] == 0) continue;
    auto* kept = row.add_foreseen();
    kept->set_stretch(static_cast<uint32_t>(k));
    kept->set_total(course.foreseen[k]);
  }
  return row;
}

}  // namespace

void Kinds::KeepRows() { kinds_.NoteForgotten(); }

void Kinds::Save(uint64_t seq, const std::function<void(std::string, std::string)>& row) {
  const auto key_of = [](const std::string& kind) { return absl::StrCat(absl::string_view(&kKind, 1), kind); };
  // What was forgotten and then came back is written after its end, and so stays.
  for (const std::string& kind : kinds_.TakeForgotten()) row(key_of(kind), "");
  kinds_.ForEachUsedSince(seq, [&](const std::string& kind, Stamp used, const KindModel& model) {
    row(key_of(kind), RowOf(model, used).SerializeAsString());
  });
}

absl::Status Kinds::Load(absl::string_view key, absl::string_view value) {
  views::KindRow row;
  if (key.empty() || key[0] != kKind || !row.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return absl::DataLossError(absl::StrCat("views: the row of kind ", key.substr(std::min<size_t>(1, key.size())), " cannot be read"));
  }
  loaded_.push_back({{row.used().seq(), row.used().nanos()}, std::string(key.substr(1)), ModelOf(row)});
  return absl::OkStatus();
}

void Kinds::Finish() {
  // Oldest use first, which is the order of a table.
  std::sort(loaded_.begin(), loaded_.end(), [](const Row& a, const Row& b) { return a.used.seq < b.used.seq; });
  for (Row& row : loaded_) kinds_.FindOrAdd(row.kind, row.used) = std::move(row.model);
  loaded_ = {};
}

std::string SaveCourse(const Course& course) { return RowOf(course).SerializeAsString(); }

absl::StatusOr<Course> LoadCourse(absl::string_view bytes) {
  views::CourseRow row;
  if (!row.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("views: a job's course cannot be read");
  }
  Course course;
  course.attempt = row.attempt();
  course.working = row.working();
  course.planned = row.planned();
  course.last_nanos = row.last_nanos();
  course.work = row.work();
  course.moved = row.moved();
  course.queued_nanos = row.queued_nanos();
  course.quiet_limit = row.quiet_limit();
  course.eta = row.eta();
  course.eta_nanos = row.eta_nanos();
  course.unsettled = row.unsettled();
  course.placed_nanos = row.placed_nanos();
  const auto place = [&row](int32_t value) {
    return static_cast<int16_t>(value >= 0 && value < row.steps_size() ? value : -1);
  };
  course.newest_step = place(row.newest_step());
  for (const auto& kept : row.steps()) {
    course.steps.push_back({.id = kept.id(), .begun = kept.begun(), .first = kept.first(), .moved = kept.moved(),
                            .ended = kept.ended(), .spent = kept.spent(), .longest_gap = kept.longest_gap(),
                            .from = kept.from(), .parent = place(kept.parent()), .planned = kept.planned()});
  }
  for (const auto& kept : row.foreseen()) {
    if (kept.stretch() < kStretches) course.foreseen[kept.stretch()] = kept.total();
  }
  return course;
}

}  // namespace milepost::jobs
