#include "edge/sse/job_end.h"

namespace milepost::edge::sse {

const std::vector<std::string>& EndTypes() {
  static const auto* types = new std::vector<std::string>{"job-completed", "job-failed", "job-cancelled"};
  return *types;
}

const feed::Frame* NewestEnd(const feed::Page& ends, const std::string& job) {
  for (auto frame = ends.frames.rbegin(); frame != ends.frames.rend(); ++frame) {
    if ((*frame)->names().front() == job) return frame->get();
  }
  return nullptr;
}

}  // namespace milepost::edge::sse
