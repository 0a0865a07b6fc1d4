#include "tools/bench/systems/relay_systems.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/systems/child_process.h"
#include "tools/bench/systems/loopback.h"
#include "tools/bench/wire/relay_records.h"

namespace milepost::bench {
namespace {

constexpr int64_t kStartPatience = 15 * kSecond;

using Encode = std::string (*)(const BenchEvent&);

std::string FrameChunk(const BenchEvent& event) { return HttpChunk(EventFrame(event)); }

// Writes records to the child's pipe; a full pipe blocks, which is the backpressure.
class RelayPublisher : public Publisher {
 public:
  RelayPublisher(int fd, Encode encode) : fd_(fd), encode_(encode) {}

  absl::Status Publish(absl::Span<const BenchEvent> events) override {
    out_.clear();
    for (const BenchEvent& event : events) AppendRelayRecord(event.job, encode_(event), out_);
    for (size_t done = 0; done < out_.size();) {
      const ssize_t size = write(fd_, out_.data() + done, out_.size() - done);
      if (size < 0) return absl::UnavailableError(absl::StrCat("write to child: ", std::strerror(errno)));
      done += static_cast<size_t>(size);
    }
    return absl::OkStatus();
  }

  absl::Status Finish(int64_t deadline) override { return absl::OkStatus(); }

 private:
  const int fd_;
  const Encode encode_;
  std::string out_;
};

class RelaySystem : public System {
 public:
  struct Setup {
    std::string name;
    std::vector<std::string> command;
    Target::Protocol protocol;
    Encode encode;
  };

  explicit RelaySystem(Setup setup) : setup_(std::move(setup)) {}

  absl::Status Start() override {
    auto child = ChildProcess::Start({setup_.command, scratch_.path() + "/log"});
    if (!child.ok()) return child.status();
    child_ = *std::move(child);
    const auto line = child_->ReadLine(MonotonicNanos() + kStartPatience);
    if (!line.ok()) return line.status();
    const auto port = PortOfReadinessLine(*line);
    if (!port.ok()) return port.status();
    address_ = LoopbackAddress(*port);
    return absl::OkStatus();
  }

  std::vector<Part> Parts() const override { return {{setup_.name, child_->pid()}}; }

  Target ReaderTarget(uint32_t job, Opening opening) const override {
    const std::string first = absl::StrCat("GET /", JobName(job), " HTTP/1.1\r\nHost: localhost\r\n");
    if (setup_.protocol == Target::Protocol::kSse) {
      return {address_, setup_.protocol, absl::StrCat(first, "Accept: text/event-stream\r\n\r\n"), {}};
    }
    return {address_, setup_.protocol,
            absl::StrCat(first, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
            {}};
  }

  absl::StatusOr<std::unique_ptr<Publisher>> OpenPublisher() override {
    return std::make_unique<RelayPublisher>(child_->input(), setup_.encode);
  }

 private:
  const Setup setup_;
  ScratchDirectory scratch_;
  std::unique_ptr<ChildProcess> child_;
  sockaddr_in address_{};
};

std::string MissingProgram(const std::string& program) {
  return access(program.c_str(), X_OK) == 0 ? "" : absl::StrCat(std::filesystem::path(program).filename().string(), " is not built");
}

}  // namespace

SystemKind FloorKind(const std::string& name, int flush_ms) {
  const std::string program = SiblingProgram("milepost-bench-floor");
  const RelaySystem::Setup setup{name, {program, absl::StrCat(flush_ms)}, Target::Protocol::kSse, FrameChunk};
  const std::string about = flush_ms == 0 ? "a bare epoll loop that only send()s ready frames, one by one"
                                          : absl::StrCat("the floor, gathering what comes within ", flush_ms, " ms");
  return {name, about, flush_ms == 0 ? "" : "burst", [program] { return MissingProgram(program); },
          [setup] { return std::make_unique<RelaySystem>(setup); }};
}

SystemKind WebSocketKind() {
  const std::string program = SiblingProgram("milepost-bench-websocket");
  const RelaySystem::Setup setup{"websocket", {program}, Target::Protocol::kWebSocket, EventJson};
  return {"websocket", "a minimal Boost.Beast WebSocket broadcaster, the same events as text messages", "",
          [program] { return MissingProgram(program); }, [setup] { return std::make_unique<RelaySystem>(setup); }};
}

}  // namespace milepost::bench
