#include <iostream>

#include "proto/contract/resource.h"
#include "tools/milepost/subcommands.h"

namespace milepost::tool {
namespace {

constexpr absl::string_view kHelp = R"(milepost: progress of long-running jobs, live

  milepost run -- make -j8                     run a command and report it as a job
  milepost watch job:42                        see how far a job is
  milepost watch --json user:7 | jq .          every event of a resource as JSON
  milepost jobs --state=active                 what runs, how far it is, and how long it will take
  milepost cancel --wait job:42                ask a job's worker to end it; also pause, resume, retry
  milepost publish --job=job:42 --step=build --fraction=0.4 --message='4 of 10'
  milepost publish --job=job:42 --completed
  milepost publish < events.jsonl              one event in JSON per line
  milepost log verify ./milepost-data          read all that a service keeps, and name what is broken

Subcommands: publish, run, watch, jobs, cancel, pause, resume, retry, log. milepost SUBCOMMAND --help tells more.
)";

struct Subcommand {
  absl::string_view name;
  int (*main)(const std::vector<std::string>& args);
};

constexpr Subcommand kSubcommands[] = {
    {"publish", PublishMain}, {"run", RunMain},     {"watch", WatchMain},   {"jobs", JobsMain}, {"cancel", CancelMain},
    {"pause", PauseMain},     {"resume", ResumeMain}, {"retry", RetryMain}, {"log", LogMain},
};

int Main(const std::vector<std::string>& args) {
  if (args.empty()) {
    std::cerr << kHelp;
    return kExitUsage;
  }
  for (const Subcommand& subcommand : kSubcommands) {
    if (args[0] == subcommand.name) return subcommand.main({args.begin() + 1, args.end()});
  }
  if (args[0] == "--help" || args[0] == "-h" || args[0] == "help") {
    std::cout << kHelp;
    return 0;
  }
  std::cerr << "milepost: no subcommand " << contract::Quoted(args[0]) << "; milepost --help lists them\n";
  return kExitUsage;
}

}  // namespace

}  // namespace milepost::tool

int main(int argc, char** argv) { return milepost::tool::Main({argv + 1, argv + argc}); }
