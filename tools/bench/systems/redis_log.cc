#include "tools/bench/systems/redis_log.h"

#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/producers/resp_wire.h"
#include "tools/bench/systems/child_process.h"
#include "tools/bench/systems/loopback.h"
#include "tools/bench/systems/store_directory.h"

namespace milepost::bench {
namespace {

constexpr char kRedis[] = "/usr/bin/redis-server";
constexpr int64_t kStartPatience = 15 * kSecond;
constexpr int kStartAttempts = 3;

bool Answers(const sockaddr_in& address) {
  const absl::StatusOr<int> fd = ConnectTo(address);
  if (!fd.ok()) return false;
  const timeval limit{.tv_sec = 1, .tv_usec = 0};
  setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  char answer[16];
  const bool pong = send(*fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 && recv(*fd, answer, sizeof(answer), 0) > 0 && answer[0] == '+';
  close(*fd);
  return pong;
}

class RedisLog : public AckedLog {
 public:
  explicit RedisLog(std::string store_parent) : store_parent_(std::move(store_parent)) {}

  absl::Status Start() override {
    auto store = MakeStoreDirectory(store_parent_);
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    absl::Status last;
    for (int attempt = 0; attempt < kStartAttempts; ++attempt) {
      last = TryStart();
      if (last.ok() || Interrupted()) break;
    }
    return last;
  }

  std::vector<Part> Parts() const override { return {{"redis", child_->pid()}}; }
  sockaddr_in address() const override { return address_; }

  std::unique_ptr<ProducerWire> NewProducer(size_t event_bytes) const override {
    return std::make_unique<RespWire>(RespWire::Options{.key = "events", .event_bytes = event_bytes});
  }

 private:
  // Redis cannot pick a port itself, and another program may take the free one first. Its log is never rewritten,
  // which spares it work that Milepost's store does in the background.
  absl::Status TryStart() {
    const absl::StatusOr<uint16_t> port = FreePort();
    if (!port.ok()) return port.status();
    auto child = ChildProcess::Start({{kRedis, "--port", absl::StrCat(*port), "--bind", "127.0.0.1", "--dir",
                                       store_->path(), "--appendonly", "yes", "--appendfsync", "always", "--save", "",
                                       "--auto-aof-rewrite-percentage", "0", "--daemonize", "no", "--logfile",
                                       store_->path() + "/log"},
                                      store_->path() + "/log"});
    if (!child.ok()) return child.status();
    child_ = *std::move(child);
    address_ = LoopbackAddress(*port);
    absl::Status up = WaitFor([&] { return !child_->Running() || Answers(address_); }, MonotonicNanos() + kStartPatience);
    if (!child_->Running()) up = absl::UnavailableError("redis-server ended");
    if (up.ok()) return up;
    return absl::Status(up.code(), absl::StrCat(up.message(), "; ", child_->LogTail()));
  }

  const std::string store_parent_;
  // Destroyed from below: the process goes before its files.
  std::unique_ptr<ScratchDirectory> store_;
  std::unique_ptr<ChildProcess> child_;
  sockaddr_in address_{};
};

}  // namespace

SystemKind RedisKind(const std::string& store_parent) {
  SystemKind kind;
  kind.name = "redis";
  kind.about = "Debian's redis-server, XADD to one stream, appendonly with appendfsync always";
  kind.only = "durable";
  kind.missing = [] { return std::string(access(kRedis, X_OK) == 0 ? "" : "not installed (apt install redis-server)"); };
  kind.make_log = [store_parent] { return std::make_unique<RedisLog>(store_parent); };
  return kind;
}

}  // namespace milepost::bench
