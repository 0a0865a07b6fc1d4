#include "services/rpc/publish_stream.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/resource.h"
#include "services/rpc/validate.h"
#include "services/rpc/wire.h"

namespace milepost::rpc {
namespace {

constexpr size_t kMinProducerBytes = 16;
constexpr size_t kMaxProducerBytes = 64;
constexpr int64_t kMinLeaseSeconds = 1;
constexpr int64_t kMaxLeaseSeconds = 3600;

absl::Status ValidateHello(const v1::PublishStreamRequest::Hello& hello) {
  const std::string& id = hello.producer_id();
  const bool good = id.size() >= kMinProducerBytes && id.size() <= kMaxProducerBytes &&
                    std::all_of(id.begin(), id.end(), [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; });
  if (!good) {
    return absl::InvalidArgumentError(absl::StrCat("hello.producer_id: ", contract::Quoted(id),
                                                   " must be 128 random bits as 16 to 64 of [A-Za-z0-9_-]"));
  }
  const int64_t nanos = hello.lease().nanos();
  const int64_t seconds = hello.lease().seconds();
  if (hello.has_lease() && (seconds < kMinLeaseSeconds || seconds > kMaxLeaseSeconds || nanos < 0 ||
                            nanos > 999'999'999 || (seconds == kMaxLeaseSeconds && nanos > 0))) {
    return absl::InvalidArgumentError("hello.lease: is out of range: 1 s to 1 h");
  }
  return absl::OkStatus();
}

// A rejection is final. What may pass later ends the stream instead.
bool IsFinal(const absl::Status& status) {
  return !absl::IsUnavailable(status) && !absl::IsResourceExhausted(status);
}

}  // namespace

int64_t SteadyNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

PublishStreamReactor* PublishStreamReactor::Start(const Context* context, grpc::CallbackServerContext* call) {
  auto reactor = std::shared_ptr<PublishStreamReactor>(new PublishStreamReactor(context, call));
  reactor->self_ = reactor;
  if (context->streams->Add(reactor)) {
    reactor->StartRead(&reactor->read_);
  } else {
    reactor->Drain();
  }
  return reactor.get();
}

void PublishStreamReactor::OnReadDone(bool ok) {
  heard_at_.store(SteadyNanos(), std::memory_order_relaxed);
  if (!ok) {
    {
      const std::lock_guard lock(mutex_);
      half_closed_ = !end_;  // otherwise it is we who ended it
    }
    return End(absl::OkStatus());
  }
  if (absl::Status status = Handle(); !status.ok()) return End(std::move(status));
  {
    const std::lock_guard lock(mutex_);
    if (end_ || cancelled_) return;
    read_paused_ = !MayRead();
    if (read_paused_) return;
  }
  StartRead(&read_);
}

// A producer that does not take its rejections waits, and so does one whose events, or whose hello, wait for the log.
bool PublishStreamReactor::MayRead() const {
  return !asking_ && static_cast<size_t>(reply_.rejections_size()) <= context_->credit && in_flight_bytes_ <= kMaxInFlightBytes;
}

absl::Status PublishStreamReactor::Handle() {
  envelope::PublishStreamRequest request;
  if (absl::Status status = Parse(read_, &request); !status.ok()) return status;
  read_.Clear();
  if (request.has_hello()) return HandleHello(request.hello());
  if (request.has_batch()) return HandleBatch(request.batch());
  return absl::InvalidArgumentError("request: is empty: set hello or batch");
}

absl::Status PublishStreamReactor::HandleHello(const std::string& bytes) {
  if (greeted_) return absl::InvalidArgumentError("hello: only the first request of a stream is a hello");
  v1::PublishStreamRequest::Hello hello;
  if (!hello.ParseFromString(bytes)) {
    return absl::InvalidArgumentError("hello: is not valid: producer_id must be 16 to 64 of [A-Za-z0-9_-]");
  }
  if (absl::Status status = ValidateHello(hello); !status.ok()) return status;
  greeted_ = true;
  const int64_t lease = hello.has_lease() ? hello.lease().seconds() * jobs::kSecond + hello.lease().nanos() : jobs::kDefaultLeaseNanos;
  if (lease != jobs::kDefaultLeaseNanos) lease_nanos_ = lease;
  if (const auto before = context_->keeper->Connect(hello.producer_id(), lease, shared_from_this())) {
    before->End(absl::AbortedError("producer_id: a newer stream of this producer took over"));
  }
  {
    const std::lock_guard lock(mutex_);
    producer_ = hello.producer_id();
    ++in_flight_;
    asking_ = true;
  }
  // By way of the log: the answer acks, and so it waits until what it acks is durable.
  context_->log->Ask(hello.producer_id(),
                     [self = shared_from_this()](std::vector<log::Outcome> outcomes) { self->OnMark(outcomes.at(0)); });
  return absl::OkStatus();
}

void PublishStreamReactor::OnMark(const log::Outcome& outcome) {
  v1::PublishStreamResponse greeting;
  context_->keeper->Greet(producer_, &greeting);
  {
    const std::lock_guard lock(mutex_);
    --in_flight_;
    asking_ = false;
    if (outcome.status.ok()) {
      acked_ = outcome.producer_mark;
      reply_.set_acked(acked_);
      reply_.set_credit(context_->credit);
      reply_.MergeFrom(greeting);
      reply_due_ = true;
    } else if (!end_ || end_->ok()) {
      end_ = outcome.status;
    }
  }
  Pump();
}

absl::Status PublishStreamReactor::HandleBatch(const envelope::PublishStreamRequest::Batch& batch) {
  if (!greeted_) return absl::InvalidArgumentError("batch: the first request of a stream must be a hello");
  if (batch.events().empty()) return absl::OkStatus();
  if (absl::Status status = CheckBatch(batch.first_number(), batch.events_size()); !status.ok()) return status;
  Append(batch);
  return absl::OkStatus();
}

absl::Status PublishStreamReactor::CheckBatch(uint64_t first, uint64_t count) {
  if (count > kMaxPublishEvents) {
    return absl::InvalidArgumentError(
        absl::StrCat("batch.events: ", count, " events, at most ", kMaxPublishEvents, " are allowed in a batch"));
  }
  if (first == 0 || first > std::numeric_limits<uint64_t>::max() - count) {
    return absl::InvalidArgumentError("batch.first_number: is out of range: numbers count from 1");
  }
  const std::lock_guard lock(mutex_);
  // The service may not know all of the producer's past; the first number of a stream tells how much of it is settled.
  if (!numbered_) acked_ = std::max(acked_, first - 1);
  const uint64_t last = first + count - 1;
  if (last > acked_ && last - acked_ > context_->credit) {
    return absl::ResourceExhaustedError(absl::StrCat("batch: event ", last, " is ", last - acked_,
                                                     " past the last acked one, credit is ", context_->credit,
                                                     ": wait for acks, then send it again"));
  }
  ++in_flight_;
  return absl::OkStatus();
}

void PublishStreamReactor::Append(const envelope::PublishStreamRequest::Batch& batch) {
  std::vector<v1::PublishStreamResponse::Rejection> invalid;
  std::vector<log::Record> records;
  records.reserve(batch.events_size());
  const uint64_t first = batch.first_number();
  size_t bytes = 0;
  for (int i = 0; i < batch.events_size(); ++i) {
    log::Record& record = records.emplace_back();
    record.producer = producer_;
    record.number = first + i;
    record.first_of_stream = !std::exchange(numbered_, true);
    if (record.first_of_stream) record.lease_nanos = lease_nanos_;
    record.bytes = batch.events(i).size();
    bytes += record.bytes;
    auto event = ParseEvent(batch.events(i));
    if (event.ok()) {
      record.event = *std::move(event);
      continue;
    }
    v1::PublishStreamResponse::Rejection& rejection = invalid.emplace_back();
    rejection.set_number(record.number);
    rejection.set_code(static_cast<int>(event.status().code()));
    rejection.set_message(std::string(event.status().message()));
  }
  {
    const std::lock_guard lock(mutex_);
    in_flight_bytes_ += bytes;
  }
  context_->log->Append(std::move(records), [self = shared_from_this(), invalid = std::move(invalid), first,
                                             bytes](std::vector<log::Outcome> outcomes) {
    self->OnAppended(invalid, first, bytes, outcomes);
  });
}

void PublishStreamReactor::OnAppended(const std::vector<v1::PublishStreamResponse::Rejection>& invalid, uint64_t first,
                                      size_t bytes, const std::vector<log::Outcome>& outcomes) {
  {
    const std::lock_guard lock(mutex_);
    --in_flight_;
    in_flight_bytes_ -= bytes;
    bool taken = true;
    for (size_t i = 0; i < outcomes.size(); ++i) {
      const log::Outcome& outcome = outcomes[i];
      acked_ = std::max(acked_, outcome.producer_mark);
      if (outcome.status.ok()) continue;
      if (IsFinal(outcome.status)) {
        Reject(first + i, outcome.status);
      } else {
        taken = false;
        if (!end_ || end_->ok()) end_ = outcome.status;
      }
    }
    if (taken) {
      for (const auto& rejection : invalid) *reply_.add_rejections() = rejection;
      reply_.set_acked(acked_);
    }
    reply_due_ = reply_due_ || taken;
  }
  Pump();
  context_->pacer->RunDue();  // readers take this event along
}

void PublishStreamReactor::Reject(uint64_t number, const absl::Status& status) {
  auto* rejection = reply_.add_rejections();
  rejection->set_number(number);
  rejection->set_code(static_cast<int>(status.code()));
  rejection->set_message(std::string(status.message()));
}

bool PublishStreamReactor::TakeReply() {
  if (!std::exchange(reply_due_, false)) return false;
  write_ = Serialize(reply_);
  reply_.Clear();
  write_started_nanos_ = context_->clock();
  return true;
}

// Reads on if that was paused, and writes what is due; when nothing is due any more and the end has come, finishes.
void PublishStreamReactor::Pump() {
  bool read = false, write = false, finish = false;
  absl::Status status;
  {
    const std::lock_guard lock(mutex_);
    if (busy_) return;  // OnWriteDone pumps again
    write = !cancelled_ && TakeReply();
    finish = !write && (cancelled_ || (end_ && in_flight_ == 0));
    read = read_paused_ && !end_ && !cancelled_ && MayRead();
    if (!read && !write && !finish) return;
    if (read) read_paused_ = false;
    busy_ = true;  // after the finish: for good
    if (finish) status = end_ ? *end_ : absl::CancelledError("the producer is gone");
  }
  if (read) StartRead(&read_);
  if (write) return StartWrite(&write_);
  if (finish) return Finish(ToGrpc(status));
  {
    const std::lock_guard lock(mutex_);
    busy_ = false;
  }
  Pump();  // for what came meanwhile; there is nothing to read on for now
}

void PublishStreamReactor::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    busy_ = false;
    write_started_nanos_ = 0;
    if (!ok) cancelled_ = true;
  }
  Pump();
}

void PublishStreamReactor::OnCancel() {
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
  }
  Pump();
}

void PublishStreamReactor::End(absl::Status status) {
  {
    const std::lock_guard lock(mutex_);
    if (!end_) end_ = std::move(status);
  }
  Pump();
}

void PublishStreamReactor::Send(const v1::PublishStreamResponse::Command& command) {
  v1::PublishStreamResponse words;
  *words.add_commands() = command;
  Tell(words);
}

void PublishStreamReactor::Send(const v1::PublishStreamResponse::Lost& lost) {
  v1::PublishStreamResponse words;
  *words.add_lost() = lost;
  Tell(words);
}

void PublishStreamReactor::Tell(const v1::PublishStreamResponse& words) {
  {
    const std::lock_guard lock(mutex_);
    reply_.MergeFrom(words);
    // Before the answer to the hello it goes with that.
    if (!asking_) reply_due_ = true;
  }
  Pump();
}

void PublishStreamReactor::Drain() { End(absl::UnavailableError("the service is stopping: connect again")); }

void PublishStreamReactor::Tick(int64_t now_nanos) {
  const std::lock_guard lock(mutex_);
  if (write_started_nanos_ == 0 || now_nanos - write_started_nanos_ < kWriteDeadlineNanos) return;
  // Under the lock: the write is under way, so the call is not over. Cancelling runs no reaction on this thread.
  call_->TryCancel();
}

void PublishStreamReactor::OnDone() {
  context_->streams->Remove(this);
  if (!producer_.empty()) context_->keeper->Disconnect(producer_, half_closed_ && !cancelled_ && !call_->IsCancelled(), this);
  self_.reset();
}

}  // namespace milepost::rpc
