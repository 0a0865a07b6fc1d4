#include "services/eventd/eventd.h"

#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "services/history/memory_history.h"
#include "services/history/rocks_history.h"
#include "services/rpc/random_id.h"

namespace milepost::eventd {
namespace {

// Readers of a disk wait more than they compute.
constexpr int kReadThreads = 4;

}  // namespace

Eventd::Eventd(const Options& options) : options_(options), clock_(options.clock ? options.clock : rpc::UnixNanos) {}

absl::Status Eventd::OpenHistory(const std::string& epoch) {
  if (options_.store_dir.empty()) {
    history_ = std::make_unique<history::MemoryHistory>(
        history::Retention{.max_bytes = options_.retention_bytes, .max_age = options_.retention_age});
    return absl::OkStatus();
  }
  auto history = history::RocksHistory::Open({.dir = options_.store_dir,
                                              .epoch = epoch,
                                              .sync = options_.sync,
                                              .max_bytes = options_.retention_bytes,
                                              .max_age = options_.retention_age,
                                              .min_free_bytes = options_.min_free_bytes,
                                              .accept_loss = options_.accept_loss,
                                              .now = clock_});
  if (!history.ok()) return history.status();
  history_ = *std::move(history);
  return absl::OkStatus();
}

absl::Status Eventd::Start() {
  const std::string epoch = rpc::RandomEpoch();
  const auto begin = std::chrono::steady_clock::now();
  if (absl::Status opened = OpenHistory(epoch); !opened.ok()) return opened;
  const history::Bounds bounds = history_->bounds();
  hub_ = std::make_unique<hub::Hub>(history_.get(), epoch, std::chrono::nanoseconds(options_.keep_jobs).count());
  const auto differences = hub_->Rebuild(options_.rebuild);
  if (!differences.ok()) return differences.status();
  if (*differences > 0) spdlog::warn("{} records would be judged otherwise today than when they were stored", *differences);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  spdlog::info("log open epoch={} floor={} head={} in {} ms", epoch, bounds.floor, bounds.head, took.count());
  keeper_ = std::make_unique<rpc::JobKeeper>(hub_.get(), std::chrono::nanoseconds(options_.lost_after).count());
  log_ = std::make_unique<log::EmbeddedLog>(history_.get(), hub_.get(), clock_,
                                            log::EmbeddedOptions{.own_threads = !options_.store_dir.empty()});
  server_ = std::make_unique<rpc::Server>(rpc::ServerOptions{.listen = options_.listen,
                                                             .pace = options_.pace,
                                                             .clock = clock_,
                                                             .read_threads = options_.store_dir.empty() ? 0 : kReadThreads},
                                          hub_.get(), history_.get(), log_.get(), keeper_.get());
  keeper_->Start(log_.get());
  return server_->Start();
}

std::string Eventd::address() const {
  return absl::StrCat(options_.listen.substr(0, options_.listen.rfind(':')), ":", server_->port());
}

void Eventd::Stop() {
  server_->Stop(options_.drain);
  log_->Close();
  if (const absl::Status kept = hub_->Checkpoint(); !kept.ok()) {
    spdlog::warn("the next start will take longer: {}", std::string(kept.message()));
  }
}

}  // namespace milepost::eventd
