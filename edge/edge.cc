#include "edge/edge.h"

#include <atomic>
#include <csignal>
#include <thread>
#include <utility>
#include <vector>

#include "boost/asio/executor_work_guard.hpp"
#include "boost/asio/signal_set.hpp"
#include "edge/feed/feed_table.h"
#include "edge/feed/frame_cache.h"
#include "edge/http/asio_loop.h"
#include "edge/http/asset_handler.h"
#include "edge/http/handlers.h"
#include "edge/http/listener.h"
#include "edge/http/router.h"
#include "edge/http/streams.h"
#include "edge/upstream/upstream.h"
#include "spdlog/spdlog.h"

namespace milepost::edge {
namespace {

// Draining ends at the latest after this; SIGTERM to exit stays below 10 s.
constexpr absl::Duration kDrainLimit = absl::Seconds(9);
// Plain requests that are under way at SIGTERM get at least this long.
constexpr absl::Duration kRequestGrace = absl::Milliseconds(500);
constexpr absl::Duration kDrainCheck = absl::Milliseconds(50);
// gRPC's callback threads doze after a second without an event.
constexpr absl::Duration kKeepAwake = absl::Milliseconds(300);

}  // namespace

struct Edge::Impl {
  // Everything of one event loop; only its thread touches it while it runs.
  struct LoopState {
    LoopState(const Options& options, feed::FrameCache& cache)
        : table({.max_bytes = options.feed_memory_bytes}),
          upstream(upstream::MakeChannel(options.eventd, true), table, loop, cache),
          streams(loop.context(), table, upstream,
                  {.heartbeat = options.heartbeat, .stall = options.stall}) {}
    http::AsioLoop loop;
    feed::FeedTable table;
    upstream::Upstream upstream;
    http::Streams streams;
    http::Router router;
    std::atomic<bool> drained = false;
  };

  explicit Impl(const Options& options);
  bool Ready() const;
  void BeginDrain(int signal);
  void CheckDrained();
  void WatchStreams(LoopState& state);

  const Options options;
  feed::FrameCache cache;
  std::vector<std::unique_ptr<LoopState>> loops;
  std::unique_ptr<http::Listener> listener;
  std::unique_ptr<boost::asio::signal_set> signals;
  std::atomic<bool> draining = false;
  absl::Time drain_began;
};

Edge::Impl::Impl(const Options& given) : options(given) {
  std::vector<http::Loop> accepting;
  for (size_t i = 0; i < options.threads; ++i) {
    auto state = std::make_unique<LoopState>(options, cache);
    http::AddRoutes(state->router, {state->streams, state->table, state->upstream, state->loop,
                                    [this] { return Ready(); }});
    http::AddAssetRoutes(state->router);
    accepting.push_back({&state->loop.context(), &state->router});
    loops.push_back(std::move(state));
  }
  listener = std::make_unique<http::Listener>(std::move(accepting), http::Limits{}, options.cors);
}

bool Edge::Impl::Ready() const {
  if (draining) return false;
  for (const auto& state : loops) {
    if (!state->upstream.ready()) return false;
  }
  return true;
}

void Edge::Impl::BeginDrain(int signal) {
  spdlog::info("stopping signal={} connections={}", signal, listener->connections());
  draining = true;
  drain_began = absl::Now();
  listener->Stop();
  for (auto& state : loops) {
    LoopState* const loop = state.get();
    loop->loop.Post([this, loop] {
      loop->streams.Drain(options.drain_window);
      WatchStreams(*loop);
    });
  }
  CheckDrained();
}

// Each loop says when its last stream has gone.
void Edge::Impl::WatchStreams(LoopState& state) {
  state.drained = state.streams.size() == 0;
  state.loop.After(kDrainCheck, [this, &state] { WatchStreams(state); });
}

void Edge::Impl::CheckDrained() {
  const absl::Duration elapsed = absl::Now() - drain_began;
  bool drained = elapsed >= kRequestGrace || listener->connections() == 0;
  for (const auto& state : loops) drained &= state->drained.load();
  if (!drained && elapsed < kDrainLimit) {
    loops[0]->loop.After(kDrainCheck, [this] { CheckDrained(); });
    return;
  }
  for (auto& state : loops) state->loop.context().stop();
}

Edge::Edge(const Options& options) : impl_(std::make_unique<Impl>(options)) {}

Edge::~Edge() = default;

absl::Status Edge::Open() {
  // From here on, so that who reads the readiness line may stop the process at once.
  impl_->signals = std::make_unique<boost::asio::signal_set>(impl_->loops[0]->loop.context(), SIGTERM, SIGINT);
  impl_->signals->async_wait([impl = impl_.get()](const boost::system::error_code& error, int signal) {
    if (!error) impl->BeginDrain(signal);
  });
  return impl_->listener->Open(impl_->options.listen_host, impl_->options.listen_port);
}

const std::string& Edge::address() const { return impl_->listener->address(); }

void Edge::Run() {
  auto& loops = impl_->loops;
  for (auto& state : loops) {
    state->loop.Post([state = state.get()] {
      state->upstream.Start();
      state->streams.Start();
    });
  }
  loops[0]->loop.Post([upstream = &loops[0]->upstream] { upstream->KeepAwake(kKeepAwake); });

  std::vector<std::thread> threads;
  for (size_t i = 1; i < loops.size(); ++i) {
    threads.emplace_back([context = &loops[i]->loop.context()] {
      const auto work = boost::asio::make_work_guard(*context);
      context->run();
    });
  }
  {
    const auto work = boost::asio::make_work_guard(loops[0]->loop.context());
    loops[0]->loop.context().run();
  }
  for (std::thread& thread : threads) thread.join();
  // No loop runs any more: what the calls still under way would answer goes nowhere.
  for (auto& state : loops) state->upstream.Stop();
  for (auto& state : loops) state->streams.CloseAll();
  spdlog::info("stopped");
}

}  // namespace milepost::edge
