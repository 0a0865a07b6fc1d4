#include "edge/upstream/upstream.h"

#include <algorithm>
#include <deque>

#include "absl/container/flat_hash_set.h"
#include "edge/upstream/status.h"
#include "grpcpp/create_channel.h"
#include "spdlog/spdlog.h"

namespace milepost::edge::upstream {
namespace {

constexpr absl::Duration kMinBackoff = absl::Milliseconds(50);
constexpr absl::Duration kMaxBackoff = absl::Seconds(1);
constexpr absl::Duration kAwayNotice = absl::Seconds(1);  // a trunk that opens later than this is worth a line
constexpr auto kUpdateDeadline = std::chrono::seconds(10);
constexpr auto kReadDeadline = std::chrono::seconds(10);
constexpr auto kPublishDeadline = std::chrono::seconds(30);

// A unary call: everything that has to live until its callback.
template <typename Request, typename Response>
struct Call {
  grpc::ClientContext* context;  // of the Calls
  Request request;
  Response response;
};

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target, bool own_connection) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, own_connection ? 1 : 0);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 300);
  // A service that is stopped or unreachable is noticed although nothing is sent to it.
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A loop that cannot keep up holds the service back after 1 MiB instead of after many.
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  args.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1 << 20);
  args.SetMaxReceiveMessageSize(16 << 20);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), args);
}

Upstream::Upstream(std::shared_ptr<grpc::Channel> channel, feed::FeedTable& table, feed::LoopExecutor& loop,
                   feed::FrameCache& cache)
    : channel_(std::move(channel)),
      stub_(v1::EventService::NewStub(channel_)),
      health_(channel_),
      table_(table),
      loop_(loop),
      cache_(cache),
      job_calls_(channel_, loop, calls_) {}

Upstream::~Upstream() { Stop(); }

void Upstream::Start() { OpenTrunk(); }

void Upstream::Stop() {
  if (trunk_ != nullptr) trunk_->Abandon();
  calls_.CancelAll();
}

void Upstream::KeepAwake(absl::Duration period) {
  auto call = std::make_shared<Call<grpc::ByteBuffer, grpc::ByteBuffer>>();
  call->context = calls_.Begin();
  const grpc::Slice everything;  // an empty HealthCheckRequest
  call->request = grpc::ByteBuffer(&everything, 1);
  call->context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  health_.UnaryCall(call->context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &call->request, &call->response,
                    [this, call](grpc::Status) { calls_.End(call->context); });
  loop_.After(period, [this, period] { KeepAwake(period); });
}

// --- Trunk ---

void Upstream::OpenTrunk() {
  v1::SubscribeRequest request;
  for (std::string& name : table_.OpenTrunk(kMaxNames)) request.add_resources(std::move(name));
  if (table_.position() && !damaged_) request.set_cursor(contract::FormatCursor(*table_.position()));
  trunk_ = TrunkStream::Start(*stub_, std::move(request),
                              {[this](TrunkMessage message) { OnMessage(std::move(message)); },
                               [this](const grpc::Status& status) { OnTrunkDone(status); }},
                              loop_, cache_, calls_);
  loop_.After(kAwayNotice, [this, opening = std::weak_ptr<TrunkStream>(trunk_)] {
    const auto waited_for = opening.lock();
    if (waited_for == nullptr || waited_for != trunk_ || ready_ || std::exchange(told_away_, true)) return;
    spdlog::warn("the event service is away: streams stay open and go on when it is back");
  });
}

void Upstream::OnMessage(TrunkMessage message) {
  // Where this message begins: it may hold events beside what opens or resets the stream.
  contract::Cursor begin;
  if (message.position) begin = *message.position;
  if (!message.frames.empty()) begin.seq = message.frames.front()->seq() - 1;

  if (message.subscription_id && message.position) {
    subscription_id_ = *message.subscription_id;
    failures_ = 0;
    spdlog::info("trunk open position={}", contract::FormatCursor(*message.position));
  }
  if (message.position && std::exchange(damaged_, false)) {
    // Nobody can have what the store no longer holds: its readers are told so, and go on from here.
    table_.OnReset(v1::Reset::EXPIRED, contract::FormatCursor(begin), begin);
  }
  if (message.reset && message.position) table_.OnReset(message.reset->reason(), message.reset->oldest(), begin);
  if (message.subscription_id && message.position) {
    table_.OnOpened(begin);
    ready_ = true;
    told_away_ = false;
  }
  for (const auto& applied : message.applied) table_.OnApplied(applied.revision(), applied.from());
  if (message.position && table_.open()) table_.OnEvents(message.frames, *message.position);
  FeedsChanged();
}

void Upstream::OnTrunkDone(const grpc::Status& status) {
  trunk_.reset();
  ready_ = false;
  subscription_id_.clear();
  table_.OnClosed();
  absl::Duration pause = std::min(kMaxBackoff, kMinBackoff * (1 << std::min(failures_, 10u)));
  pause *= std::uniform_real_distribution<double>(0.5, 1.0)(random_);
  damaged_ |= status.error_code() == grpc::StatusCode::DATA_LOSS;
  if (failures_++ == 0) spdlog::warn("trunk closed code={} message={}", status.error_code(), status.error_message());
  loop_.After(pause, [this] { OpenTrunk(); });
}

void Upstream::FeedsChanged() {
  if (auto update = table_.NextUpdate(kMaxNames)) SendUpdate(*std::move(update));
}

void Upstream::SendUpdate(feed::FeedTable::Update update) {
  auto call = std::make_shared<Call<v1::UpdateSubscriptionRequest, v1::UpdateSubscriptionResponse>>();
  call->context = calls_.Begin();
  call->request.set_subscription_id(subscription_id_);
  call->request.set_revision(update.revision);
  for (std::string& name : update.add) call->request.add_add(std::move(name));
  for (std::string& name : update.remove) call->request.add_remove(std::move(name));
  call->context->set_deadline(std::chrono::system_clock::now() + kUpdateDeadline);
  stub_->async()->UpdateSubscription(call->context, &call->request, &call->response, [this, call](grpc::Status status) {
    if (!status.ok()) {
      loop_.Post([this, status, id = call->request.subscription_id()] {
        if (id != subscription_id_ || trunk_ == nullptr) return;  // that trunk is gone anyway
        spdlog::warn("subscription update failed code={} message={}", status.error_code(), status.error_message());
        trunk_->Cancel();
      });
    }
    calls_.End(call->context);
  });
}

// --- Reads ---

void Upstream::Read(feed::ReadSpec spec, ReadDone done) {
  if (spec.snapshot && spec.after.empty() && spec.last == 0) {
    queued_snapshots_.push_back({std::move(spec), std::move(done)});
    if (!std::exchange(snapshots_scheduled_, true)) {
      // What comes in the same turn of the loop goes in the same call.
      loop_.Post([this] {
        snapshots_scheduled_ = false;
        StartReads();
      });
    }
    return;
  }
  QueueRead(std::move(spec), std::move(done));
  StartReads();
}

void Upstream::QueueRead(feed::ReadSpec spec, ReadDone done) {
  std::string key = spec.Key();
  auto& read = reads_[key];
  if (read == nullptr) {
    read = std::make_shared<PendingRead>();
    read->spec = std::move(spec);
    queued_reads_.push_back(read);
  }
  read->waiters.push_back(std::move(done));
}

void Upstream::StartReads() {
  while (snapshot_reads_under_way_ < kMaxSnapshotReads && !queued_snapshots_.empty()) StartSnapshotRead();
  while (reads_under_way_ < kMaxReads && !queued_reads_.empty()) {
    auto read = queued_reads_.front();
    queued_reads_.pop_front();
    CallRead(read->spec, [this, read](absl::StatusOr<feed::PagePtr> page) {
      reads_.erase(read->spec.Key());
      for (ReadDone& done : read->waiters) done(page);
    });
  }
}

// Snapshots are wanted by every browser that comes: those that wait are taken by one call, at one position. If together
// they were too much for an answer, each is wanted alone, and equal wishes still share a call.
std::vector<Upstream::SnapshotWaiter> Upstream::NextSnapshotWaiters() {
  std::vector<SnapshotWaiter> taken, left;
  absl::flat_hash_set<absl::string_view> names;
  const bool alone = queued_snapshots_.front().alone;
  const std::vector<std::string> first = queued_snapshots_.front().spec.resources;
  for (SnapshotWaiter& waiter : queued_snapshots_) {
    const std::vector<std::string>& wanted = waiter.spec.resources;
    bool take = waiter.alone == alone && left.empty();
    if (alone) {
      take = waiter.alone && wanted == first;
    } else if (take && !taken.empty()) {
      take = names.size() + wanted.size() <= kMaxSnapshotNames;
    }
    if (take && !alone) names.insert(wanted.begin(), wanted.end());
    (take ? taken : left).push_back(std::move(waiter));
  }
  queued_snapshots_ = std::move(left);
  return taken;
}

void Upstream::StartSnapshotRead() {
  feed::ReadSpec combined;
  combined.snapshot = true;
  auto waiters = std::make_shared<std::vector<SnapshotWaiter>>(NextSnapshotWaiters());
  absl::flat_hash_set<std::string> names;
  for (const SnapshotWaiter& waiter : *waiters) {
    names.insert(waiter.spec.resources.begin(), waiter.spec.resources.end());
    combined.at_least = std::max(combined.at_least, waiter.spec.at_least);
  }
  combined.resources.assign(names.begin(), names.end());
  ++snapshot_reads_under_way_;
  CallRead(combined, [this, waiters](absl::StatusOr<feed::PagePtr> page) {
    --snapshot_reads_under_way_;
    if (absl::IsResourceExhausted(page.status()) && !waiters->front().alone && waiters->size() > 1) {
      for (SnapshotWaiter& waiter : *waiters) {
        waiter.alone = true;
        queued_snapshots_.push_back(std::move(waiter));
      }
      return;
    }
    absl::flat_hash_map<absl::string_view, std::vector<const feed::SnapshotFrame*>> by_name;
    for (size_t i = 0; page.ok() && i < (*page)->snapshots.size(); ++i) {
      by_name[(*page)->snapshots[i].resource].push_back(&(*page)->snapshots[i]);
    }
    for (SnapshotWaiter& waiter : *waiters) {
      if (!page.ok()) {
        waiter.done(page.status());
        continue;
      }
      auto own = std::make_shared<feed::Page>();
      own->position = (*page)->position;
      for (const std::string& name : waiter.spec.resources) {
        for (const feed::SnapshotFrame* frame : by_name[name]) own->snapshots.push_back(*frame);
      }
      waiter.done(feed::PagePtr(std::move(own)));
    }
  });
}

void Upstream::CallRead(feed::ReadSpec spec, ReadDone done) {
  ++reads_under_way_;
  auto call = std::make_shared<Call<v1::ReadRequest, v1::ReadResponse>>();
  call->context = calls_.Begin();
  v1::ReadRequest& request = call->request;
  request.mutable_resources()->Assign(spec.resources.begin(), spec.resources.end());
  request.mutable_types()->Assign(spec.types.begin(), spec.types.end());
  if (!spec.after.empty()) request.set_after(spec.after);
  if (spec.through > 0) request.set_through(spec.through);
  if (spec.at_least > 0) request.set_at_least(spec.at_least);
  if (spec.limit > 0) request.set_limit(spec.limit);
  if (spec.last > 0) request.set_last(spec.last);
  if (spec.snapshot) request.set_snapshot(true);
  call->context->set_deadline(std::chrono::system_clock::now() + kReadDeadline);
  stub_->async()->Read(call->context, &call->request, &call->response,
                       [this, call, done = std::make_shared<ReadDone>(std::move(done))](grpc::Status status) {
    absl::StatusOr<feed::PagePtr> page = status.ok() ? ToPage(call->response, cache_) : FromGrpc(status);
    loop_.Post([this, call, done, page = std::move(page)]() mutable {
      --reads_under_way_;
      if (absl::IsDataLoss(page.status()) && call->request.after() != contract::kLatest) {
        ReadPastDamage(call->request, page.status(), std::move(*done));
      } else {
        (*done)(std::move(page));
      }
      StartReads();
    });
    calls_.End(call->context);
  });
}

// The store is damaged where the reader is. Waiting would not mend it: the reader is told that events are lost, and goes
// on with snapshots from the newest one.
void Upstream::ReadPastDamage(const v1::ReadRequest& request, const absl::Status& damage, ReadDone done) {
  spdlog::error("events are lost: {}", std::string(damage.message()));
  feed::ReadSpec newest;
  newest.resources.assign(request.resources().begin(), request.resources().end());
  newest.after = std::string(contract::kLatest);
  newest.snapshot = true;
  CallRead(std::move(newest), [done = std::move(done)](absl::StatusOr<feed::PagePtr> page) mutable {
    if (!page.ok()) return done(std::move(page));
    auto told = std::make_shared<feed::Page>(**page);
    told->reset.emplace();
    told->reset->set_reason(v1::Reset::EXPIRED);
    told->reset->set_oldest(contract::FormatCursor(told->position));
    done(feed::PagePtr(std::move(told)));
  });
}

// --- Publishing ---

void Upstream::Publish(v1::PublishRequest request, PublishDone done) {
  auto call = std::make_shared<Call<v1::PublishRequest, v1::PublishResponse>>();
  call->context = calls_.Begin();
  call->request = std::move(request);
  call->context->set_deadline(std::chrono::system_clock::now() + kPublishDeadline);
  stub_->async()->Publish(call->context, &call->request, &call->response,
                          [this, call, done = std::make_shared<PublishDone>(std::move(done))](grpc::Status status) {
    loop_.Post([call, done, status] {
      if (status.ok()) {
        (*done)(std::move(call->response));
      } else {
        (*done)(FromGrpc(status));
      }
    });
    calls_.End(call->context);
  });
}

// --- Jobs ---

void Upstream::GetJob(v1::GetJobRequest request, GetJobDone done) {
  job_calls_.Get(std::move(request), std::move(done));
}

void Upstream::ListJobs(v1::ListJobsRequest request, ListJobsDone done) {
  job_calls_.List(std::move(request), std::move(done));
}

void Upstream::ControlJob(v1::ControlJobRequest request, ControlJobDone done) {
  job_calls_.Control(std::move(request), std::move(done));
}

}  // namespace milepost::edge::upstream
