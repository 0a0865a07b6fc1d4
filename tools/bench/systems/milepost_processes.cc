#include "tools/bench/systems/milepost_processes.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "tools/bench/measure/process_stats.h"
#include "tools/bench/systems/loopback.h"

namespace milepost::bench {
namespace {

constexpr char kEventd[] = "milepost-eventd";
constexpr char kEdge[] = "milepost-edge";

}  // namespace

absl::StatusOr<int64_t> MilepostProcesses::StartEventd(const std::vector<std::string>& flags, int64_t patience) {
  std::vector<std::string> command{SiblingProgram(kEventd), "--listen=127.0.0.1:0", absl::StrCat("--log=", options_.log)};
  command.insert(command.end(), options_.eventd_flags.begin(), options_.eventd_flags.end());
  command.insert(command.end(), flags.begin(), flags.end());
  const int64_t start = MonotonicNanos();
  if (absl::Status up = StartPart(command, "/eventd.log", patience, eventd_, eventd_address_); !up.ok()) return up;
  return MonotonicNanos() - start;
}

void MilepostProcesses::KillEventd() {
  if (eventd_) eventd_->Kill();
  eventd_.reset();
}

absl::Status MilepostProcesses::StartEdge() {
  std::vector<std::string> command{SiblingProgram(kEdge), "--listen=127.0.0.1:0",
                                   absl::StrCat("--eventd=", eventd_target())};
  if (options_.edge_threads > 0) command.push_back(absl::StrCat("--threads=", options_.edge_threads));
  command.insert(command.end(), options_.edge_flags.begin(), options_.edge_flags.end());
  if (absl::Status up = StartPart(command, "/edge.log", kStartPatience, edge_, edge_address_); !up.ok()) return up;
  return WaitForHttpOk(edge_address_, "/readyz", MonotonicNanos() + kStartPatience);
}

std::vector<Part> MilepostProcesses::Parts() const {
  std::vector<Part> parts;
  if (edge_) parts.push_back({"edge", edge_->pid()});
  if (eventd_) parts.push_back({"eventd", eventd_->pid()});
  return parts;
}

std::string MilepostProcesses::eventd_target() const {
  return absl::StrCat("127.0.0.1:", ntohs(eventd_address_.sin_port));
}

std::string MilepostProcesses::Missing() {
  for (const char* name : {kEventd, kEdge}) {
    const std::string program = SiblingProgram(name);
    if (access(program.c_str(), X_OK) != 0) return absl::StrCat(name, " is not built");
  }
  return "";
}

absl::Status MilepostProcesses::StartPart(const std::vector<std::string>& command, const std::string& log,
                                          int64_t patience, std::unique_ptr<ChildProcess>& child,
                                          sockaddr_in& address) {
  child.reset();
  auto started = ChildProcess::Start({command, scratch_.path() + log});
  if (!started.ok()) return started.status();
  child = *std::move(started);
  const auto line = child->ReadLine(MonotonicNanos() + patience);
  if (!line.ok()) return absl::Status(line.status().code(), absl::StrCat(command[0], " ", line.status().message()));
  const auto port = PortOfReadinessLine(*line);
  if (!port.ok()) return port.status();
  address = LoopbackAddress(*port);
  return absl::OkStatus();
}

}  // namespace milepost::bench
