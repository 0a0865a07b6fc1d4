#include "tools/bench/systems/milepost_log.h"

#include "tools/bench/producers/http2_wire.h"
#include "tools/bench/systems/kept_milepost.h"

namespace milepost::bench {
namespace {

class MilepostLog : public AckedLog {
 public:
  explicit MilepostLog(const MilepostOptions& options) : options_(options) {}

  absl::Status Start() override {
    auto kept = MakeKeptMilepost(options_);
    if (!kept.ok()) return kept.status();
    kept_ = *std::move(kept);
    return kept_.processes->StartEventd().status();
  }

  std::vector<Part> Parts() const override { return kept_.processes->Parts(); }
  sockaddr_in address() const override { return kept_.processes->eventd_address(); }

  std::unique_ptr<ProducerWire> NewProducer(size_t event_bytes) const override {
    return std::make_unique<Http2Wire>(Http2Wire::Options{.producer_id = NewProducerId(), .event_bytes = event_bytes});
  }

 private:
  const MilepostOptions options_;
  KeptMilepost kept_;
};

}  // namespace

std::unique_ptr<AckedLog> MakeMilepostLog(const MilepostOptions& options) {
  return std::make_unique<MilepostLog>(options);
}

}  // namespace milepost::bench
