#include "edge/options.h"

#include <algorithm>
#include <thread>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/resource.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:8080",
          "ADDRESS:PORT where browsers connect. Port 0 takes any free one; the readiness line on standard output "
          "tells which.");
ABSL_FLAG(std::string, eventd, "127.0.0.1:7070", "ADDRESS:PORT of milepost-eventd. It may start later.");
ABSL_FLAG(int, threads, 0, "Event loops, 1 to 64. 0 takes one for each core.");
ABSL_FLAG(absl::Duration, heartbeat, absl::Seconds(10),
          "Silence on a stream after which a heartbeat is sent, 100ms to 1m.");
ABSL_FLAG(absl::Duration, stall, absl::Seconds(60),
          "A stream whose reader takes no byte for so long is closed, 1s to 1h. The reader resumes from its cursor.");
ABSL_FLAG(absl::Duration, drain_window, absl::Seconds(2),
          "On SIGTERM streams are told goodbye spread over this time, 0s to 8s, so that not all come back at once.");
ABSL_FLAG(int64_t, feed_memory_mib, 32,
          "Recent events that each event loop keeps ready for readers that are behind, in MiB, 1 to 16384. Readers "
          "further back read from eventd.");
ABSL_FLAG(std::string, cors_origins, "",
          "Origins whose pages may use this edge although they come from elsewhere, with commas, for example "
          "https://app.example,http://localhost:3000; * for all. Empty: only the edge's own page.");
ABSL_FLAG(std::string, log_format, "text", "Logs on standard error, one line an event: text or json.");

namespace milepost::edge {
namespace {

absl::Status Bad(absl::string_view flag, absl::string_view given, absl::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, "=", given, ": ", rule));
}

// "HOST:PORT" or "[V6]:PORT".
bool SplitAddress(absl::string_view text, std::string& host, uint16_t& port) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos || colon == 0) return false;
  absl::string_view name = text.substr(0, colon);
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  uint32_t number = 0;
  if (!absl::SimpleAtoi(text.substr(colon + 1), &number) || number > 65535) return false;
  host = std::string(name);
  port = static_cast<uint16_t>(number);
  return true;
}

absl::Status CheckDuration(absl::string_view flag, absl::Duration value, absl::Duration least, absl::Duration most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return Bad(flag, absl::FormatDuration(value),
             absl::StrCat("must be ", absl::FormatDuration(least), " to ", absl::FormatDuration(most)));
}

}  // namespace

absl::StatusOr<Options> OptionsFromFlags() {
  Options options;
  const std::string listen = absl::GetFlag(FLAGS_listen);
  if (!SplitAddress(listen, options.listen_host, options.listen_port)) {
    return Bad("listen", listen, "must be ADDRESS:PORT, for example 127.0.0.1:8080");
  }
  options.eventd = absl::GetFlag(FLAGS_eventd);
  std::string host;
  uint16_t port = 0;
  if (!SplitAddress(options.eventd, host, port) || port == 0) {
    return Bad("eventd", options.eventd, "must be ADDRESS:PORT, for example 127.0.0.1:7070");
  }
  const int threads = absl::GetFlag(FLAGS_threads);
  if (threads < 0 || threads > 64) return Bad("threads", absl::StrCat(threads), "must be 0 to 64");
  options.threads = threads > 0 ? threads : std::clamp(std::thread::hardware_concurrency(), 1u, 64u);
  options.heartbeat = absl::GetFlag(FLAGS_heartbeat);
  options.stall = absl::GetFlag(FLAGS_stall);
  options.drain_window = absl::GetFlag(FLAGS_drain_window);
  for (const absl::Status& status :
       {CheckDuration("heartbeat", options.heartbeat, absl::Milliseconds(100), absl::Minutes(1)),
        CheckDuration("stall", options.stall, absl::Seconds(1), absl::Hours(1)),
        CheckDuration("drain_window", options.drain_window, absl::ZeroDuration(), absl::Seconds(8))}) {
    if (!status.ok()) return status;
  }
  const int64_t mib = absl::GetFlag(FLAGS_feed_memory_mib);
  if (mib < 1 || mib > 16384) return Bad("feed_memory_mib", absl::StrCat(mib), "must be 1 to 16384");
  options.feed_memory_bytes = static_cast<size_t>(mib) << 20;
  const std::string origins = absl::GetFlag(FLAGS_cors_origins);
  auto cors = http::Cors::Parse(origins);
  if (!cors.ok()) return Bad("cors_origins", origins, cors.status().message());
  options.cors = *std::move(cors);
  const std::string log_format = absl::GetFlag(FLAGS_log_format);
  if (log_format != "text" && log_format != "json") return Bad("log_format", log_format, "must be text or json");
  options.json_log = log_format == "json";
  return options;
}

}  // namespace milepost::edge
