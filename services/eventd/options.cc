#include "services/eventd/options.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "absl/flags/flag.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/contract/resource.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:7070",
          "ADDRESS:PORT to take gRPC on. Port 0 picks one; the line \"listening on\" tells which.");
ABSL_FLAG(std::string, log, "memory", "Where events are kept: memory (lost when the process ends).");
ABSL_FLAG(uint64_t, retention_mib, 256, "MiB of memory that kept events may take, 1 to 1048576; the oldest go first.");
ABSL_FLAG(absl::Duration, retention_age, absl::Hours(24), "How long events are kept, 1s to 8760h, for example 90m or 24h.");
ABSL_FLAG(absl::Duration, drain, absl::Seconds(8),
          "How long calls under way may take after SIGTERM, 0s to 9s, before they are cancelled.");
ABSL_FLAG(absl::Duration, pace, absl::ZeroDuration(),
          "Least time between two writes on one reader's stream, 0s to 10ms. More means fewer and larger writes.");
ABSL_FLAG(std::string, log_format, "text", "Lines of the log on standard error: text or json.");

namespace milepost::eventd {
namespace {

constexpr size_t kMib = 1 << 20;
constexpr size_t kMaxRetentionMib = 1 << 20;
constexpr std::chrono::seconds kMaxRetentionAge{8760 * 3600};
constexpr std::chrono::milliseconds kMaxDrain{9000};
constexpr std::chrono::microseconds kMaxPace{10'000};

// "HOST:PORT" with a port of 0 to 65535 and something before the colon.
bool IsAddress(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos || colon == 0) return false;
  const absl::string_view digits = text.substr(colon + 1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return error == std::errc() && end == digits.data() + digits.size() && port <= 65535;
}

absl::Status CheckLog(absl::string_view log) {
  if (log == "memory") return absl::OkStatus();
  if (absl::StartsWith(log, "rocksdb:") || absl::StartsWith(log, "nats://")) {
    return absl::InvalidArgumentError(
        absl::StrCat("--log=", contract::Quoted(log), ": this kind of log is not built in yet: use --log=memory"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--log=", contract::Quoted(log), ": no such log: memory, rocksdb:DIR or nats://HOST:PORT[,…]"));
}

}  // namespace

absl::StatusOr<Options> OptionsFromFlags() {
  Options options;
  options.listen = absl::GetFlag(FLAGS_listen);
  if (!IsAddress(options.listen)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--listen=", contract::Quoted(options.listen), ": must be ADDRESS:PORT, for example 127.0.0.1:7070"));
  }
  options.log = absl::GetFlag(FLAGS_log);
  if (absl::Status status = CheckLog(options.log); !status.ok()) return status;
  const std::string format = absl::GetFlag(FLAGS_log_format);
  if (format != "text" && format != "json") {
    return absl::InvalidArgumentError(absl::StrCat("--log_format=", contract::Quoted(format), ": must be text or json"));
  }
  options.json_log = format == "json";
  options.retention_bytes = std::min<uint64_t>(absl::GetFlag(FLAGS_retention_mib), kMaxRetentionMib) * kMib;
  options.retention_age = absl::ToChronoSeconds(absl::GetFlag(FLAGS_retention_age));
  options.drain = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_drain));
  options.pace = absl::ToChronoMicroseconds(absl::GetFlag(FLAGS_pace));
  Clamp(&options);
  return options;
}

void Clamp(Options* options) {
  options->retention_bytes = std::clamp(options->retention_bytes, kMib, kMaxRetentionMib * kMib);
  options->retention_age = std::clamp(options->retention_age, std::chrono::seconds(1), kMaxRetentionAge);
  options->drain = std::clamp(options->drain, std::chrono::milliseconds(0), kMaxDrain);
  options->pace = std::clamp(options->pace, std::chrono::microseconds(0), kMaxPace);
}

std::string Describe(const Options& options) {
  return absl::StrCat("listen=", options.listen, " log=", options.log, " retention_mib=", options.retention_bytes / kMib,
                      " retention_age=", options.retention_age.count(), "s drain=", options.drain.count(),
                      "ms pace=", options.pace.count(), "us log_format=", options.json_log ? "json" : "text");
}

}  // namespace milepost::eventd
