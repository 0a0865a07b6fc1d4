#include "tools/bench/producers/event_message.h"

#include <string>

namespace milepost::bench {
namespace {

// What an unpadded event takes beside its mark and its job's name: tags, lengths, step and fraction.
constexpr size_t kFrameBytes = 25;

}  // namespace

void FillEvent(const BenchEvent& event, size_t bytes, v1::ProgressEvent& out) {
  out.set_job(JobName(event.job));
  std::string text = FormatMark(event);
  const size_t taken = out.job().size() + text.size() + kFrameBytes;
  if (taken < bytes) text.append(bytes - taken, '.');
  if (event.ends) {
    out.mutable_completed()->set_message(std::move(text));
    return;
  }
  v1::StepProgress& progress = *out.mutable_progress();
  progress.set_step("render");
  progress.set_fraction(0.4);
  progress.set_message(std::move(text));
}

}  // namespace milepost::bench
