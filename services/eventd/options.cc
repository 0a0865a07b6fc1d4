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
ABSL_FLAG(std::string, log, "rocksdb:./milepost-data",
          "Where events are kept: rocksdb:DIR (a store in the directory DIR, which is made if need be), or memory (lost "
          "when the process ends).");
ABSL_FLAG(std::string, durability, "sync",
          "What an ack means with a rocksdb log. sync: the disk has the event, it survives a loss of power. os: the "
          "operating system has it, it survives the process; faster where the disk is slow, but a loss of power loses what "
          "was acked in the last seconds.");
ABSL_FLAG(uint64_t, retention_mib, 0,
          "MiB that kept events may take, 1 to 1048576; the oldest go first. 0: 8192 on disk, 256 in memory.");
ABSL_FLAG(absl::Duration, retention_age, absl::ZeroDuration(),
          "How long events are kept, 1s to 8760h, for example 90m. 0: 72h on disk, 24h in memory.");
ABSL_FLAG(absl::Duration, keep_jobs, absl::Hours(168),
          "How long a job is known after its last event, 1s to 8760h: what belongs to it, and how it ended.");
ABSL_FLAG(absl::Duration, lost_after, absl::Minutes(10),
          "How long a worker may be gone after its lease has run out, 1s to 24h, until its jobs have failed with WORKER_LOST.");
ABSL_FLAG(uint64_t, min_free_mib, 256,
          "MiB of the disk that are to stay free, 0 to 1048576. Below, publishing is refused with RESOURCE_EXHAUSTED until "
          "there is space again; reading goes on.");
ABSL_FLAG(bool, accept_loss, false,
          "Start even if acknowledged events are missing at the end of the store, after a damage that no backup mends.");
ABSL_FLAG(bool, rebuild, false, "Make all views anew from the kept events at start, instead of from their checkpoint.");
ABSL_FLAG(absl::Duration, drain, absl::Seconds(8),
          "How long calls under way may take after SIGTERM, 0s to 9s, before they are cancelled.");
ABSL_FLAG(absl::Duration, pace, absl::Microseconds(200),
          "Least time between two writes on one reader's stream, 0s to 10ms. More means fewer and larger writes.");
ABSL_FLAG(std::string, log_format, "text", "Lines of the log on standard error: text or json.");

namespace milepost::eventd {
namespace {

constexpr size_t kMib = 1 << 20;
constexpr size_t kMaxRetentionMib = 1 << 20;
constexpr std::chrono::seconds kMaxRetentionAge{8760 * 3600};
constexpr std::chrono::seconds kMaxLostAfter{24 * 3600};
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

constexpr char kRocksPrefix[] = "rocksdb:";

absl::Status ReadLog(const std::string& log, std::string* store_dir) {
  if (log == "memory") return absl::OkStatus();
  if (absl::StartsWith(log, kRocksPrefix)) {
    *store_dir = log.substr(sizeof(kRocksPrefix) - 1);
    if (!store_dir->empty()) return absl::OkStatus();
    return absl::InvalidArgumentError("--log=\"rocksdb:\": has no directory: for example rocksdb:./milepost-data");
  }
  if (absl::StartsWith(log, "nats://")) {
    return absl::InvalidArgumentError(
        absl::StrCat("--log=", contract::Quoted(log), ": this kind of log is not built in yet: use rocksdb:DIR"));
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
  if (absl::Status status = ReadLog(options.log, &options.store_dir); !status.ok()) return status;
  const std::string durability = absl::GetFlag(FLAGS_durability);
  if (durability != "sync" && durability != "os") {
    return absl::InvalidArgumentError(absl::StrCat("--durability=", contract::Quoted(durability), ": must be sync or os"));
  }
  options.sync = durability == "sync";
  options.keep_jobs = absl::ToChronoSeconds(absl::GetFlag(FLAGS_keep_jobs));
  options.lost_after = absl::ToChronoSeconds(absl::GetFlag(FLAGS_lost_after));
  options.accept_loss = absl::GetFlag(FLAGS_accept_loss);
  options.rebuild = absl::GetFlag(FLAGS_rebuild);
  options.min_free_bytes = std::min<uint64_t>(absl::GetFlag(FLAGS_min_free_mib), kMaxRetentionMib) * kMib;
  const std::string format = absl::GetFlag(FLAGS_log_format);
  if (format != "text" && format != "json") {
    return absl::InvalidArgumentError(absl::StrCat("--log_format=", contract::Quoted(format), ": must be text or json"));
  }
  options.json_log = format == "json";
  const bool on_disk = !options.store_dir.empty();
  const uint64_t mib = absl::GetFlag(FLAGS_retention_mib);
  options.retention_bytes = std::min<uint64_t>(mib != 0 ? mib : on_disk ? 8192 : 256, kMaxRetentionMib) * kMib;
  const absl::Duration age = absl::GetFlag(FLAGS_retention_age);
  options.retention_age =
      absl::ToChronoSeconds(age != absl::ZeroDuration() ? age : absl::Hours(on_disk ? 72 : 24));
  options.drain = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_drain));
  options.pace = absl::ToChronoMicroseconds(absl::GetFlag(FLAGS_pace));
  Clamp(&options);
  return options;
}

void Clamp(Options* options) {
  options->retention_bytes = std::clamp(options->retention_bytes, kMib, kMaxRetentionMib * kMib);
  options->retention_age = std::clamp(options->retention_age, std::chrono::seconds(1), kMaxRetentionAge);
  options->keep_jobs = std::clamp(options->keep_jobs, std::chrono::seconds(1), kMaxRetentionAge);
  options->lost_after = std::clamp(options->lost_after, std::chrono::seconds(1), kMaxLostAfter);
  options->drain = std::clamp(options->drain, std::chrono::milliseconds(0), kMaxDrain);
  options->pace = std::clamp(options->pace, std::chrono::microseconds(0), kMaxPace);
}

std::string Describe(const Options& options) {
  return absl::StrCat("listen=", options.listen, " log=", options.log, " durability=", options.sync ? "sync" : "os",
                      " min_free_mib=", options.min_free_bytes / kMib, " retention_mib=", options.retention_bytes / kMib,
                      " retention_age=", options.retention_age.count(), "s keep_jobs=", options.keep_jobs.count(), "s lost_after=", options.lost_after.count(), "s drain=", options.drain.count(),
                      "ms pace=", options.pace.count(), "us log_format=", options.json_log ? "json" : "text");
}

}  // namespace milepost::eventd
