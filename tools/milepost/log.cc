// milepost log: looks into the store of a service, checks it, and copies it.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>

#include <google/protobuf/util/json_util.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "proto/contract/cursor.h"
#include "proto/contract/resource.h"
#include "services/history/name_set.h"
#include "services/history/store_tools.h"
#include "tools/milepost/flags.h"
#include "tools/milepost/subcommands.h"

namespace milepost::tool {
namespace {

constexpr absl::string_view kHelp = R"(milepost log COMMAND [FLAGS] [DIR] [TARGET]

Works on the store of an event service, also while the service runs. DIR is ./milepost-data if it is not given.

  milepost log info                          epochs, bounds, sizes
  milepost log dump --from=earliest          events as lines of JSON
  milepost log dump --resource=job:42 --from=k3v9x2ab-1042
  milepost log verify                        reads everything and names what is broken
  milepost log backup milepost-data /backup/monday
  milepost log copy milepost-data mended     checks every record and makes the index anew

To restore a backup, start the service on a copy of it: --log=rocksdb:DIR. Readers that saw more than the backup holds get
a reset.

Exit status: 0 done, 1 failed or something is broken, 2 bad flags.

)";

constexpr absl::string_view kDefaultDir = "./milepost-data";
constexpr absl::string_view kPrefix = "rocksdb:";

struct Options {
  std::string command;
  std::string dir;
  std::string target;
  std::string from = "earliest";
  std::vector<std::string> resources;
  std::optional<uint32_t> limit;
  bool json = false;
};

std::string Time(int64_t nanos) {
  return nanos == 0 ? "-" : absl::FormatTime(absl::RFC3339_sec, absl::FromUnixNanos(nanos), absl::UTCTimeZone());
}

std::string Mebibytes(uint64_t bytes) { return absl::StrFormat("%.1f MiB", static_cast<double>(bytes) / (1 << 20)); }

int Fail(const absl::Status& status) {
  std::cerr << "milepost log: " << status.message() << "\n";
  return kExitFailure;
}

// One line on a terminal that says how far a long call is; nothing elsewhere.
history::Progress ShowProgress(const char* what) {
  if (!isatty(STDERR_FILENO)) return [](uint64_t, uint64_t) {};
  return [what](uint64_t done, uint64_t total) {
    const double share = total == 0 ? 1 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    std::fprintf(stderr, "\r%s %3.0f %%  %llu of %llu records", what, 100 * share, static_cast<unsigned long long>(done),
                 static_cast<unsigned long long>(total));
    if (done >= total) std::fprintf(stderr, "\n");
  };
}

int Info(const Options& options) {
  const auto info = history::InspectStore(options.dir);
  if (!info.ok()) return Fail(info.status());
  const uint64_t kept = info->head - info->floor;
  if (options.json) {
    std::string epochs;
    for (const history::Epoch& epoch : info->epochs) {
      absl::StrAppend(&epochs, epochs.empty() ? "" : ",", R"({"name":")", epoch.name, R"(","first":)", epoch.first,
                      R"(,"opened":")", Time(epoch.opened_nanos), R"("})");
    }
    std::cout << absl::StrCat(R"({"format":)", info->format, R"(,"oldest":)", info->floor, R"(,"head":)", info->head,
                              R"(,"acked":)", info->acked, R"(,"views":)", info->views, R"(,"records":)", kept,
                              R"(,"recordBytes":)", info->record_bytes, R"(,"diskBytes":)", info->disk_bytes, R"(,"epochs":[)",
                              epochs, "]}")
              << "\n";
    return 0;
  }
  std::cout << "store    " << options.dir << ", format " << info->format << "\n"
            << "records  " << kept << ", from " << info->floor + 1 << " to " << info->head << "\n"
            << "time     " << Time(info->oldest_nanos) << " to " << Time(info->newest_nanos) << "\n"
            << "durable  up to " << info->acked << ", views up to " << info->views << "\n"
            << "bytes    " << Mebibytes(info->record_bytes) << " of records in " << info->segments << " closed segments, "
            << Mebibytes(info->disk_bytes) << " on disk\n"
            << "epochs   " << info->epochs.size() << (info->epochs.size() > 20 ? ", the newest 20:" : "") << "\n";
  const size_t skip = info->epochs.size() > 20 ? info->epochs.size() - 20 : 0;
  for (size_t i = skip; i < info->epochs.size(); ++i) {
    const history::Epoch& epoch = info->epochs[i];
    const uint64_t last = i + 1 < info->epochs.size() ? info->epochs[i + 1].first - 1 : info->head;
    std::cout << "  " << epoch.name << "  opened " << Time(epoch.opened_nanos) << "  ";
    if (last < epoch.first) {
      std::cout << "no records\n";
    } else {
      std::cout << "records " << epoch.first << " to " << last << "\n";
    }
  }
  return 0;
}

// Where a dump begins. A cursor must be one that this store gave out.
absl::StatusOr<uint64_t> ParseFrom(const Options& options) {
  if (options.from == contract::kEarliest) return 0;
  uint64_t number = 0;
  if (absl::SimpleAtoi(options.from, &number)) return number;
  const auto cursor = contract::ParseCursor(options.from);
  if (!cursor) {
    return absl::InvalidArgumentError(
        absl::StrCat("--from=", contract::Quoted(options.from), ": must be earliest, a number, or a cursor"));
  }
  const auto info = history::InspectStore(options.dir);
  if (!info.ok()) return info.status();
  const auto last = !info->epochs.empty() && info->epochs.back().name == cursor->epoch
                        ? std::optional<uint64_t>(info->head)
                        : history::LastOf(info->epochs, cursor->epoch);
  if (!last || cursor->seq > *last) {
    return absl::OutOfRangeError(absl::StrCat("--from=", contract::Quoted(options.from), ": this store never gave out that cursor"));
  }
  if (cursor->seq < info->floor) {
    return absl::OutOfRangeError(absl::StrCat("--from=", contract::Quoted(options.from), ": is expired, the oldest is ", info->floor));
  }
  return cursor->seq;
}

int Dump(const Options& options) {
  history::NameSet names;
  for (const std::string& name : options.resources) {
    const absl::Status valid = contract::ValidateResourceOrPattern(name, "--resource");
    if (!valid.ok()) return BadUsage("log", valid);
    names.Add(name);
  }
  const auto from = ParseFrom(options);
  if (!from.ok()) {
    return absl::IsInvalidArgument(from.status()) ? BadUsage("log", from.status()) : Fail(from.status());
  }
  uint64_t left = options.limit ? *options.limit : ~uint64_t{0};
  const absl::Status status =
      left == 0 ? absl::OkStatus()
                : history::DumpStore(options.dir, *from, options.resources.empty() ? nullptr : &names,
                                     [&](const history::StoredEvent& event) {
                                       v1::ProgressEvent message;
                                       message.ParseFromString(event.bytes);
                                       std::string json;
                                       (void)google::protobuf::util::MessageToJsonString(message, &json);
                                       std::cout << json << "\n";
                                       return --left > 0 && std::cout.good();
                                     });
  std::cout.flush();
  return status.ok() ? 0 : Fail(status);
}

void Tell(const history::StoreCounts& counts) {
  std::cout << counts.records << " records, " << Mebibytes(counts.record_bytes) << ", " << counts.index_rows
            << " rows of the index, " << counts.view_rows << " rows of views\n";
}

int Verify(const Options& options) {
  uint64_t faults = 0;
  const auto counts = history::VerifyStore(
      options.dir,
      [&](std::string fault) {
        ++faults;
        std::cout << "broken: " << fault << "\n";
      },
      ShowProgress("verify"));
  if (!counts.ok()) return Fail(counts.status());
  Tell(*counts);
  std::cout << (faults == 0 ? "nothing is broken\n" : "restore a backup, or save what can be read with `milepost log dump`\n");
  return faults == 0 ? 0 : kExitFailure;
}

int Copy(const Options& options, history::CopyAs as) {
  const auto counts = history::CopyStore(options.dir, options.target, as, ShowProgress(options.command.c_str()));
  if (!counts.ok()) return Fail(counts.status());
  Tell(*counts);
  return 0;
}

std::string WithoutPrefix(absl::string_view dir) {
  return std::string(dir.substr(0, kPrefix.size()) == kPrefix ? dir.substr(kPrefix.size()) : dir);
}

}  // namespace

int LogMain(const std::vector<std::string>& args) {
  Options options;
  FlagSet flags;
  flags.String("from", &options.from, "CURSOR", "dump: after this cursor or number; default earliest");
  flags.Strings("resource", &options.resources, "NAME", "dump: only events of this resource or pattern; may be repeated");
  flags.Integer("limit", &options.limit, "N", "dump: at most so many events");
  flags.Switch("json", &options.json, "info: as JSON");
  std::vector<std::string> operands;
  const absl::Status parsed = flags.Parse(args, FlagOrder::kAnywhere, &operands);
  if (flags.help() || (!operands.empty() && operands[0] == "help")) {
    std::cout << kHelp << flags.Describe();
    return 0;
  }
  if (!parsed.ok()) return BadUsage("log", parsed);
  if (operands.empty()) return BadUsage("log", absl::InvalidArgumentError("what to do is missing: info, dump, verify, copy or backup"));
  options.command = operands[0];
  const bool copies = options.command == "copy" || options.command == "backup";
  if (!copies && options.command != "info" && options.command != "dump" && options.command != "verify") {
    return BadUsage("log", absl::InvalidArgumentError(absl::StrCat(
                               "no command ", contract::Quoted(options.command), "; there are info, dump, verify, copy and backup")));
  }
  if (copies ? operands.size() != 3 : operands.size() > 2) {
    return BadUsage("log", absl::InvalidArgumentError(absl::StrCat(
                               options.command, copies ? " takes two directories: from where, and to where" : " takes one directory")));
  }
  options.dir = WithoutPrefix(operands.size() > 1 ? absl::string_view(operands[1]) : kDefaultDir);
  if (copies) options.target = WithoutPrefix(operands[2]);
  if (options.command == "info") return Info(options);
  if (options.command == "dump") return Dump(options);
  if (options.command == "verify") return Verify(options);
  return Copy(options, options.command == "backup" ? history::CopyAs::kBackup : history::CopyAs::kRecords);
}

}  // namespace milepost::tool
