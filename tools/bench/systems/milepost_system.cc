#include "tools/bench/systems/milepost_system.h"

#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/measure/wait.h"
#include "tools/bench/systems/child_process.h"
#include "tools/bench/systems/loopback.h"
#include "tools/bench/systems/stream_publisher.h"

namespace milepost::bench {
namespace {

constexpr int64_t kStartPatience = 30 * kSecond;
constexpr char kEventd[] = "milepost-eventd";
constexpr char kEdge[] = "milepost-edge";

class MilepostSystem : public System {
 public:
  explicit MilepostSystem(const MilepostOptions& options) : options_(options) {}

  absl::Status Start() override {
    std::vector<std::string> eventd{SiblingProgram(kEventd), "--listen=127.0.0.1:0",
                                    absl::StrCat("--log=", options_.log)};
    eventd.insert(eventd.end(), options_.eventd_flags.begin(), options_.eventd_flags.end());
    if (absl::Status up = StartPart(eventd, "/eventd.log", eventd_, eventd_port_); !up.ok()) return up;

    std::vector<std::string> edge{SiblingProgram(kEdge), "--listen=127.0.0.1:0",
                                  absl::StrCat("--eventd=127.0.0.1:", eventd_port_)};
    if (options_.edge_threads > 0) edge.push_back(absl::StrCat("--threads=", options_.edge_threads));
    edge.insert(edge.end(), options_.edge_flags.begin(), options_.edge_flags.end());
    uint16_t port = 0;
    if (absl::Status up = StartPart(edge, "/edge.log", edge_, port); !up.ok()) return up;
    address_ = LoopbackAddress(port);
    return WaitForHttpOk(address_, "/readyz", MonotonicNanos() + kStartPatience);
  }

  std::vector<Part> Parts() const override { return {{"edge", edge_->pid()}, {"eventd", eventd_->pid()}}; }

  Target ReaderTarget(uint32_t job, Opening opening) const override {
    const bool tail = opening == Opening::kTail;
    return {address_, Target::Protocol::kSse,
            absl::StrCat("GET /v1/events?resources=", JobName(job), tail ? "&snapshot=0" : "",
                         " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"),
            {.ready_event = tail ? "connected" : "snapshot", .ids_rise = true}};
  }

  absl::StatusOr<std::unique_ptr<Publisher>> OpenPublisher() override {
    return OpenStreamPublisher(absl::StrCat("127.0.0.1:", eventd_port_));
  }

 private:
  absl::Status StartPart(const std::vector<std::string>& command, const std::string& log,
                         std::unique_ptr<ChildProcess>& child, uint16_t& port) {
    auto started = ChildProcess::Start({command, scratch_.path() + log});
    if (!started.ok()) return started.status();
    child = *std::move(started);
    const auto line = child->ReadLine(MonotonicNanos() + kStartPatience);
    if (!line.ok()) return absl::Status(line.status().code(), absl::StrCat(command[0], " ", line.status().message()));
    const auto found = PortOfReadinessLine(*line);
    if (!found.ok()) return found.status();
    port = *found;
    return absl::OkStatus();
  }

  const MilepostOptions options_;
  ScratchDirectory scratch_;
  // Destroyed from below: the edge stops first and gets an orderly end from the service.
  std::unique_ptr<ChildProcess> eventd_;
  std::unique_ptr<ChildProcess> edge_;
  uint16_t eventd_port_ = 0;
  sockaddr_in address_{};
};

std::string Missing() {
  for (const char* name : {kEventd, kEdge}) {
    const std::string program = SiblingProgram(name);
    if (access(program.c_str(), X_OK) != 0) return absl::StrCat(name, " is not built");
  }
  return "";
}

}  // namespace

SystemKind MilepostKind(const std::string& name, const MilepostOptions& options) {
  const std::string loops = options.edge_threads == 0 ? "as many event loops as the edge likes"
                                                      : absl::StrCat(options.edge_threads, " event loop in the edge");
  return {name, absl::StrCat("milepost-eventd and milepost-edge, ", loops), "", Missing,
          [options] { return std::make_unique<MilepostSystem>(options); }};
}

}  // namespace milepost::bench
