#include "tools/bench/systems/milepost_system.h"

#include "absl/strings/str_cat.h"
#include "tools/bench/systems/milepost_log.h"
#include "tools/bench/systems/milepost_processes.h"
#include "tools/bench/systems/stream_publisher.h"

namespace milepost::bench {
namespace {

class MilepostSystem : public System {
 public:
  explicit MilepostSystem(const MilepostOptions& options) : processes_(options) {}

  absl::Status Start() override {
    if (const auto up = processes_.StartEventd(); !up.ok()) return up.status();
    return processes_.StartEdge();
  }

  std::vector<Part> Parts() const override { return processes_.Parts(); }

  Target ReaderTarget(uint32_t job, Opening opening) const override {
    const bool tail = opening == Opening::kTail;
    return {.address = processes_.edge_address(),
            .protocol = Target::Protocol::kSse,
            .request = absl::StrCat("GET /v1/events?resources=", JobName(job), tail ? "&snapshot=0" : "",
                                    " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"),
            .sse = {.ready_event = tail ? "connected" : "snapshot", .ids_rise = true}};
  }

  absl::StatusOr<std::unique_ptr<Publisher>> OpenPublisher() override {
    return OpenStreamPublisher(processes_.eventd_target());
  }

 private:
  MilepostProcesses processes_;
};

}  // namespace

SystemKind MilepostKind(const std::string& name, const MilepostOptions& options) {
  const std::string loops = options.edge_threads == 0 ? "as many event loops as the edge likes"
                                                      : absl::StrCat(options.edge_threads, " event loop in the edge");
  SystemKind kind;
  kind.name = name;
  kind.about = absl::StrCat("milepost-eventd and milepost-edge, ", loops);
  kind.missing = MilepostProcesses::Missing;
  kind.make = [options] { return std::make_unique<MilepostSystem>(options); };
  kind.make_log = [options] { return MakeMilepostLog(options); };
  kind.milepost = options;
  return kind;
}

}  // namespace milepost::bench
