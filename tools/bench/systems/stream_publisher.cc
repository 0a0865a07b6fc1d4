#include "tools/bench/systems/stream_publisher.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "milepost/v1/event_service.grpc.pb.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/producers/event_message.h"
#include "tools/bench/producers/http2_wire.h"

namespace milepost::bench {
namespace {

constexpr int64_t kHelloPatience = 10 * kSecond;
constexpr int64_t kCreditPatience = 10 * kSecond;
constexpr uint64_t kMaxBatch = 1000;

std::chrono::nanoseconds Left(int64_t deadline) {
  return std::chrono::nanoseconds(std::max<int64_t>(deadline - MonotonicNanos(), 0));
}

// Publish and Finish are for one thread; a second one reads the answers. What both touch is guarded by
// mutex_. The synchronous API is used because its waiting is done by the calling threads themselves, so that
// the client adds no dozing callback threads to what is measured.
class StreamPublisher : public Publisher {
 public:
  explicit StreamPublisher(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = v1::EventService::NewStub(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  }

  ~StreamPublisher() override {
    context_.TryCancel();
    if (reader_.joinable()) reader_.join();
    if (stream_) stream_->Finish();
  }

  absl::Status Open() {
    context_.set_wait_for_ready(true);
    stream_ = stub_->PublishStream(&context_);
    v1::PublishStreamRequest request;
    request.mutable_hello()->set_producer_id(NewProducerId());
    request.mutable_hello()->mutable_lease()->set_seconds(3600);
    if (!stream_->Write(request)) return Ended();
    reader_ = std::thread([this] { ReadAnswers(); });
    return WaitUntil([this] { return welcomed_; }, MonotonicNanos() + kHelloPatience, "no answer to hello");
  }

  absl::Status Publish(absl::Span<const BenchEvent> events) override {
    while (!events.empty()) {
      uint64_t room = 0;
      const absl::Status waited = WaitUntil(
          [&] {
            room = acked_ + credit_ > sent_ ? acked_ + credit_ - sent_ : 0;
            return room > 0;
          },
          MonotonicNanos() + kCreditPatience, "no credit");
      if (!waited.ok()) return waited;
      const auto now = events.subspan(0, std::min({room, kMaxBatch, uint64_t{events.size()}}));
      events.remove_prefix(now.size());
      if (absl::Status written = WriteBatch(now); !written.ok()) return written;
    }
    return absl::OkStatus();
  }

  absl::Status Finish(int64_t deadline) override {
    return WaitUntil([this] { return acked_ >= sent_; }, deadline, "not all acked");
  }

 private:
  absl::Status WriteBatch(absl::Span<const BenchEvent> events) {
    request_.Clear();
    v1::PublishStreamRequest::Batch& batch = *request_.mutable_batch();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      batch.set_first_number(sent_ + 1);
      sent_ += events.size();
    }
    for (const BenchEvent& event : events) FillEvent(event, 0, *batch.add_events());
    return stream_->Write(request_) ? absl::OkStatus() : Ended();
  }

  void ReadAnswers() {
    v1::PublishStreamResponse answer;
    while (stream_->Read(&answer)) {
      const std::lock_guard<std::mutex> lock(mutex_);
      welcomed_ = true;
      if (answer.has_acked()) acked_ = answer.acked();
      if (answer.has_credit()) credit_ = answer.credit();
      if (answer.rejections_size() > 0) fault_ = absl::StrCat("rejected: ", answer.rejections(0).message());
      changed_.notify_all();
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    if (fault_.empty()) fault_ = "the service ended the stream";
    changed_.notify_all();
  }

  template <typename Condition>
  absl::Status WaitUntil(Condition condition, int64_t deadline, const char* otherwise) {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool done = changed_.wait_for(lock, Left(deadline), [&] { return condition() || !fault_.empty(); });
    if (!fault_.empty()) return absl::UnavailableError(fault_);
    return done ? absl::OkStatus() : absl::DeadlineExceededError(otherwise);
  }

  absl::Status Ended() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return absl::UnavailableError(fault_.empty() ? "the publish stream broke" : fault_);
  }

  std::unique_ptr<v1::EventService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::PublishStreamRequest, v1::PublishStreamResponse>> stream_;
  v1::PublishStreamRequest request_;  // reused by Publish
  std::thread reader_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  bool welcomed_ = false;
  uint64_t sent_ = 0;
  uint64_t acked_ = 0;
  uint64_t credit_ = 1024;
  std::string fault_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Publisher>> OpenStreamPublisher(const std::string& address) {
  auto publisher = std::make_unique<StreamPublisher>(address);
  if (absl::Status opened = publisher->Open(); !opened.ok()) return opened;
  return publisher;
}

}  // namespace milepost::bench
