#include "services/rpc/server.h"

#include <utility>

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include "absl/strings/str_cat.h"
#include "services/rpc/keep_awake.h"

namespace milepost::rpc {
namespace {

constexpr std::chrono::milliseconds kTick{1000};

void SetArguments(const ServerOptions& options, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(options.max_request_bytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, options.max_metadata_bytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_streams);
  // Without these a stream that is not read takes in megabytes before its sender feels it.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, options.stream_window_bytes);
  // Two servers on one port would share its readers; the second one is to fail instead.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Peers that vanished are noticed within half a minute; clients may probe every 10 s, also while idle.
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
}

}  // namespace

int64_t UnixNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Server::Server(ServerOptions options, hub::Hub* hub, history::History* history, log::Log* log, JobKeeper* keeper)
    : options_(std::move(options)),
      history_(history),
      hub_(hub),
      keeper_(keeper),
      read_pool_(options_.read_threads > 0 ? std::make_unique<ReadPool>(options_.read_threads) : nullptr),
      context_({.hub = hub,
                .log = log,
                .streams = &streams_,
                .keeper = keeper,
                .clock = options_.clock,
                .credit = options_.credit,
                .read_pool = read_pool_.get(),
                .pacer = &pacer_,
                .pace = options_.pace}),
      event_service_(&context_),
      job_service_(&context_) {}

Server::~Server() { Stop(std::chrono::milliseconds(0)); }

absl::Status Server::Start() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetArguments(options_, &builder);
  builder.AddListeningPort(options_.listen, grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(&event_service_);
  builder.RegisterService(&job_service_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ == 0) {
    if (server_ != nullptr) server_->Shutdown();
    server_.reset();
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options_.listen, ": is the port taken, or the address not of this machine?"));
  }
  for (const char* service : {"milepost.v1.EventService", "milepost.v1.JobService"}) {
    server_->GetHealthCheckService()->SetServingStatus(service, true);
  }
  keep_awake_ = std::make_unique<KeepAwake>(server_->InProcessChannel({}));
  housekeeping_ = std::thread([this] { Housekeep(); });
  return absl::OkStatus();
}

void Server::Housekeep() {
  auto next_tick = std::chrono::steady_clock::now() + kTick;
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, kKeepAwakeInterval, [this] { return stopping_; })) {
    lock.unlock();
    keeper_->OnSlept();
    keep_awake_->Ping();
    if (std::chrono::steady_clock::now() >= next_tick) {
      next_tick += kTick;
      const int64_t now = options_.clock();
      hub_->Tick(now);
      streams_.Tick(now);
      history_->Trim(now);
      keeper_->Tick();  // last: what comes after it is sleep
    }
    lock.lock();
  }
}

void Server::Stop(std::chrono::milliseconds grace) {
  if (server_ == nullptr) return;
  server_->GetHealthCheckService()->SetServingStatus(false);
  streams_.Drain();
  hub_->EndWaits();  // the server waits for all its calls, and these wait for the log
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  housekeeping_.join();
  // Readers and the ping that is under way go first: the server waits for all its calls.
  keep_awake_.reset();
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  server_.reset();
}

}  // namespace milepost::rpc
