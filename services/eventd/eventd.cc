#include "services/eventd/eventd.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "services/rpc/random_id.h"

namespace milepost::eventd {
namespace {

int64_t NowNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

Eventd::Eventd(const Options& options)
    : options_(options),
      history_({.max_bytes = options.retention_bytes, .max_age = options.retention_age}),
      hub_(&history_, rpc::RandomEpoch()),
      log_(&history_, &hub_, NowNanos),
      server_({.listen = options.listen, .pace = options.pace}, &hub_, &history_, &log_) {}

std::string Eventd::address() const {
  return absl::StrCat(options_.listen.substr(0, options_.listen.rfind(':')), ":", server_.port());
}

void Eventd::Stop() {
  server_.Stop(options_.drain);
  log_.Close();
}

}  // namespace milepost::eventd
