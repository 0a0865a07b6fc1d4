#include "services/hub/hub.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/cursor.h"
#include "proto/contract/event_name.h"

namespace milepost::hub {
namespace {

// The fold's verdict on one record, as an entry of the history.
history::Entry Judge(jobs::Fold& fold, const jobs::Input& input, log::Outcome* outcome) {
  jobs::Verdict verdict = fold.Apply(input);
  *outcome = {verdict.seq, std::move(verdict.status), verdict.producer_mark};
  history::Entry entry{.seq = input.seq, .commit_nanos = input.commit_nanos};
  entry.origin = {.producer = input.producer,
                  .number = input.number,
                  .first_of_stream = input.first_of_stream,
                  .lease_nanos = input.lease_nanos,
                  .idempotency_key = input.idempotency_key,
                  .idempotency_content = input.idempotency_content,
                  .index = input.index,
                  .only_after = input.only_after};
  if (verdict.is_event) {
    entry.event = history::MakeStoredEvent(*input.event, input.commit_nanos, std::move(verdict.names));
  } else if (!outcome->status.ok()) {
    entry.refused = input.event;
  }
  return entry;
}

}  // namespace

Hub::Hub(history::History* history, std::string epoch, int64_t keep_jobs_nanos)
    : history_(history),
      keep_jobs_nanos_(keep_jobs_nanos),
      epoch_(std::move(epoch)),
      head_(history->bounds().head),
      fold_(std::make_unique<jobs::Fold>(keep_jobs_nanos)) {}

history::Entry Hub::Fold(uint64_t seq, int64_t commit_nanos, log::Record& record, log::Outcome* outcome) {
  jobs::Input input{.seq = seq,
                    .commit_nanos = commit_nanos,
                    .event = record.event.get(),
                    .producer = record.producer,
                    .number = record.number,
                    .first_of_stream = record.first_of_stream,
                    .lease_nanos = record.lease_nanos,
                    .index = record.index,
                    .only_after = record.only_after};
  if (record.idempotency != nullptr) {
    input.idempotency_key = record.idempotency->key;
    input.idempotency_content = record.idempotency->content;
  }
  const std::lock_guard lock(fold_mutex_);
  folded_ = seq;
  return Judge(*fold_, input, outcome);
}

void Hub::Seal() {
  const std::lock_guard lock(fold_mutex_);
  sealed_.push_back({folded_, fold_->TakeChanges()});
}

void Hub::Publish(std::span<const history::Entry> entries) {
  if (entries.empty()) return;
  Sealed commit;
  {
    const std::lock_guard lock(fold_mutex_);
    // What was sealed and is not shown was not stored.
    while (!sealed_.empty() && sealed_.front().through < entries.back().seq) sealed_.pop_front();
    if (!sealed_.empty() && sealed_.front().through == entries.back().seq) {
      commit = std::move(sealed_.front());
      sealed_.pop_front();
    }
  }
  // Before readers: who sees an event and acts on it finds that the listener knows.
  if (jobs_listener_) jobs_listener_(commit.changes);
  Show(entries, [&](jobs::JobTable* jobs) { jobs->Apply(commit.changes); });
}

void Hub::Show(std::span<const history::Entry> entries, const std::function<void(jobs::JobTable*)>& change_table) {
  std::vector<std::shared_ptr<Subscription>> woken;
  {
    const std::lock_guard jobs_lock(jobs_mutex_);
    change_table(&jobs_);
    const std::lock_guard lock(mutex_);
    for (const history::Entry& entry : entries) {
      if (entry.event == nullptr) continue;
      for (const std::string& name : *entry.event->names) {
        index_.ForEachCovering(name, [&](const Node& node) {
          for (Subscription* subscription : node) {
            if (subscription->Offer(entry.event)) woken.push_back(Find(subscription->id()));
          }
        });
      }
    }
    if (!entries.empty()) head_.store(entries.back().seq, std::memory_order_release);
  }
  for (const auto& subscription : woken) subscription->wake_();
  AnswerWaiting();
}

void Hub::Upkeep() {
  const uint64_t records = history_->bounds().head - saved_;
  if (!history_->keeps_views() || records == 0) return;
  const auto now = std::chrono::steady_clock::now();
  if (records < kCheckpointRecords && now - saved_at_ < kCheckpointInterval) return;
  saved_at_ = now;
  // A failure costs nothing but a longer start; the next batch finds out whether the store still works.
  (void)Checkpoint();
}

absl::Status Hub::Checkpoint() {
  if (!history_->keeps_views()) return absl::OkStatus();
  const uint64_t seq = history_->bounds().head;  // which is all that was folded
  std::vector<history::ViewRow> rows;
  {
    const std::lock_guard lock(fold_mutex_);
    fold_->Save(saved_, [&](std::string key, std::string value) { rows.push_back({std::move(key), std::move(value)}); });
  }
  absl::Status saved = history_->SaveViews(seq, rows);
  if (saved.ok()) saved_ = seq;
  return saved;
}

absl::StatusOr<uint64_t> Hub::Rebuild(bool all_records) {
  auto fold = std::make_unique<jobs::Fold>(keep_jobs_nanos_);
  std::vector<history::Entry> unpublished;
  const auto differences = Refold(fold.get(), all_records, &unpublished);
  if (!differences.ok()) return differences;
  jobs::JobChanges all;
  fold->ForEachJob([&](jobs::JobPtr job) { all.jobs.push_back(std::move(job)); });
  {
    const std::lock_guard lock(fold_mutex_);
    fold_.swap(fold);
    sealed_.clear();
  }
  Show(unpublished, [&](jobs::JobTable* jobs) {
    *jobs = jobs::JobTable();
    jobs->Apply(all);
  });
  if (jobs_listener_) jobs_listener_(all);
  return differences;
}

absl::Status Hub::Recover() {
  if (absl::Status status = history_->Reopen(); !status.ok()) return status;
  return Rebuild().status();
}

// Fills an empty fold, and lists the records that no reader has seen.
absl::StatusOr<uint64_t> Hub::Refold(jobs::Fold* fold, bool all_records, std::vector<history::Entry>* unpublished) {
  if (history_->keeps_views()) fold->KeepRows();
  jobs::Fold::Loader loader(fold);
  const auto kept = history_->LoadViews(
      [&](history::ViewRow row) { return all_records ? absl::OkStatus() : loader.Add(row.key, row.value); });
  if (!kept.ok()) return kept.status();
  loader.Finish();
  const uint64_t from = all_records ? history_->bounds().floor : *kept;
  saved_ = all_records ? 0 : from;
  uint64_t differences = 0;
  const absl::Status replayed = history_->Replay(from, [&](history::StoredRecord record) {
    log::Outcome outcome;
    history::Entry entry = Judge(*fold,
                                 {.seq = record.seq,
                                  .commit_nanos = record.commit_nanos,
                                  .event = record.event.get(),
                                  .stored = record.is_event,
                                  .producer = record.producer,
                                  .number = record.number,
                                  .first_of_stream = record.first_of_stream,
                                  .lease_nanos = record.lease_nanos,
                                  .idempotency_key = record.idempotency_key,
                                  .idempotency_content = record.idempotency_content,
                                  .index = record.index,
                                  .only_after = record.only_after},
                                 &outcome);
    if ((entry.event != nullptr) != record.is_event) ++differences;
    entry.origin = {};  // refers to the record, which goes
    entry.refused = nullptr;
    if (record.seq > head()) unpublished->push_back(std::move(entry));
    return absl::OkStatus();
  });
  if (!replayed.ok()) return replayed;
  (void)fold->TakeChanges();  // from here on all jobs are shared
  return differences;
}

std::string Hub::CursorAt(uint64_t seq) const { return contract::FormatCursor(epoch_, seq); }

Start Hub::Resolve(absl::string_view text) const {
  // The head first: what is trimmed in between only makes the floor rise.
  const uint64_t head = this->head();
  const uint64_t floor = history_->bounds().floor;
  if (text == contract::kLatest) return {head};
  if (text == contract::kEarliest) return {std::min(floor, head)};
  const auto cursor = contract::ParseCursor(text);
  if (!cursor) return {head, v1::Reset::MALFORMED};
  if (cursor->epoch != epoch_) {
    const auto last = history_->LastOfEpoch(cursor->epoch);
    if (!last || cursor->seq > *last) return {head, v1::Reset::EPOCH};
  }
  if (cursor->seq > head) return {head, v1::Reset::FUTURE};
  if (cursor->seq < floor) return {head, v1::Reset::EXPIRED};
  return {cursor->seq};
}

uint64_t Hub::ProducerMark(absl::string_view producer) const {
  const std::lock_guard lock(fold_mutex_);
  return fold_->ProducerMark(producer);
}

jobs::JobPtr Hub::FindJob(absl::string_view name) const {
  const std::lock_guard lock(jobs_mutex_);
  return jobs_.Find(name);
}

jobs::JobView Hub::View(std::vector<std::string> names, uint64_t* position) const {
  const std::lock_guard lock(jobs_mutex_);
  *position = head();
  return jobs::JobView(jobs_, std::move(names));
}

std::vector<jobs::JobPtr> Hub::AllJobs() const {
  const std::lock_guard lock(jobs_mutex_);
  return jobs_.All();
}

void Hub::SetJobsListener(JobsListener listener) {
  jobs_listener_ = std::move(listener);
  jobs_listener_({.jobs = AllJobs()});
}

bool Hub::Released(absl::string_view producer) const {
  const std::lock_guard lock(fold_mutex_);
  return fold_->Released(producer);
}

int64_t Hub::LeaseNanos(absl::string_view producer) const {
  const std::lock_guard lock(fold_mutex_);
  return fold_->LeaseNanos(producer);
}

std::shared_ptr<Subscription> Hub::Find(absl::string_view id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

void Hub::Register(absl::string_view name, Subscription* subscription) { index_[name].push_back(subscription); }

void Hub::Unregister(absl::string_view name, Subscription* subscription) {
  Node* node = index_.Find(name);
  const auto it = std::find(node->begin(), node->end(), subscription);
  std::swap(*it, node->back());
  node->pop_back();
  if (node->empty()) index_.Erase(name);
}

absl::StatusOr<std::shared_ptr<Subscription>> Hub::Subscribe(std::string id, const std::vector<std::string>& names,
                                                             const std::string* cursor, SubscriptionOptions options,
                                                             Subscription::Wake wake, Start* start) {
  const std::lock_guard lock(mutex_);
  if (by_id_.size() >= kMaxSubscriptions) {
    return absl::ResourceExhaustedError(absl::StrCat("there are ", kMaxSubscriptions, " subscriptions: try later"));
  }
  // Under the lock, so that the head is the same for the start and for the list.
  *start = cursor == nullptr ? Start{head()} : Resolve(*cursor);
  auto subscription =
      std::make_shared<Subscription>(this, std::move(id), start->position, std::move(options), std::move(wake));
  subscription->tail_from_ = head();
  for (const std::string& name : names) {
    if (subscription->names_.Contains(name)) continue;
    subscription->names_.Add(name);
    Register(name, subscription.get());
  }
  by_id_.emplace(subscription->id(), subscription);
  return subscription;
}

void Hub::Close(const std::shared_ptr<Subscription>& subscription) {
  const std::lock_guard names_lock(subscription->names_mutex_);
  const std::lock_guard lock(mutex_);
  if (std::exchange(subscription->closed_, true)) return;
  subscription->names_.ForEach([&](absl::string_view name) { Unregister(name, subscription.get()); });
  by_id_.erase(subscription->id());
}

absl::Status Hub::Update(absl::string_view id, uint64_t revision, const std::vector<std::string>& add,
                         const std::vector<std::string>& remove) {
  std::shared_ptr<Subscription> subscription;
  {
    const std::lock_guard lock(mutex_);
    subscription = Find(id);
  }
  const absl::Status not_found = absl::NotFoundError("subscription_id: no such subscription: subscribe anew");
  if (subscription == nullptr) return not_found;
  bool wake = false;
  {
    const std::lock_guard names_lock(subscription->names_mutex_);
    history::NameSet& names = subscription->names_;
    if (revision <= subscription->revision_) return absl::OkStatus();
    if (names.size() + add.size() > kMaxCarriedNames) {
      return absl::ResourceExhaustedError(
          absl::StrCat("add: a subscription carries at most ", kMaxCarriedNames, " names: open another one"));
    }
    if (subscription->MarksFull()) {
      return absl::ResourceExhaustedError(
          absl::StrCat("revision: ", kMaxWaitingMarks, " changes wait for the reader to take them: read first"));
    }
    const std::lock_guard lock(mutex_);
    if (subscription->closed_) return not_found;
    subscription->revision_ = revision;
    const uint64_t from = head() + 1;
    for (const std::string& name : remove) {
      if (names.Remove(name)) Unregister(name, subscription.get());
    }
    for (const std::string& name : add) {
      if (!names.Contains(name)) Register(name, subscription.get());
      names.Add(name, from);
    }
    wake = subscription->Mark({revision, from});
  }
  if (wake) subscription->wake_();
  return absl::OkStatus();
}

void Hub::WaitFor(uint64_t seq, int64_t deadline_nanos, std::function<void(bool)> done) {
  if (seq <= head()) return done(true);
  bool full = false;
  {
    const std::lock_guard lock(waiting_mutex_);
    full = waits_ended_ || waiting_.size() >= kMaxWaiting;
    if (!full) waiting_.emplace(seq, Waiting{deadline_nanos, done});
  }
  if (full) return done(false);
  // After it is in the list: a batch that was published in between did not see it there.
  AnswerWaiting();
}

void Hub::AnswerWaiting() {
  std::vector<Waiting> ready;
  {
    const std::lock_guard lock(waiting_mutex_);
    const auto end = waiting_.upper_bound(head());
    for (auto it = waiting_.begin(); it != end; ++it) ready.push_back(std::move(it->second));
    waiting_.erase(waiting_.begin(), end);
  }
  for (const Waiting& waiting : ready) waiting.done(true);
}

void Hub::Tick(int64_t now_nanos) {
  std::vector<std::shared_ptr<Subscription>> woken;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, subscription] : by_id_) {
      if (subscription->Refresh(head())) woken.push_back(subscription);
    }
  }
  for (const auto& subscription : woken) subscription->wake_();
  std::vector<Waiting> overdue;
  {
    const std::lock_guard lock(waiting_mutex_);
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      if (it->second.deadline_nanos > now_nanos) {
        ++it;
        continue;
      }
      overdue.push_back(std::move(it->second));
      it = waiting_.erase(it);
    }
  }
  for (const Waiting& waiting : overdue) waiting.done(false);
}

void Hub::EndWaits() {
  std::multimap<uint64_t, Waiting> ended;
  {
    const std::lock_guard lock(waiting_mutex_);
    waits_ended_ = true;
    ended.swap(waiting_);
  }
  for (const auto& [seq, waiting] : ended) waiting.done(false);
}

size_t Hub::waits() const {
  const std::lock_guard lock(waiting_mutex_);
  return waiting_.size();
}

size_t Hub::subscriptions() const {
  const std::lock_guard lock(mutex_);
  return by_id_.size();
}

}  // namespace milepost::hub
