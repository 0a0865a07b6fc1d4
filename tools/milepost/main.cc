#include <iostream>

#include "absl/strings/str_cat.h"
#include "proto/contract/resource.h"
#include "tools/milepost/subcommands.h"

namespace milepost::tool {
namespace {

constexpr absl::string_view kHelp = R"(milepost: progress of long-running jobs, live

  milepost run -- make -j8                     run a command and report it as a job
  milepost watch job:42                        see how far a job is
  milepost watch --json user:7 | jq .          every event of a resource as JSON
  milepost publish --job=job:42 --step=build --fraction=0.4 --message='4 of 10'
  milepost publish --job=job:42 --completed
  milepost publish < events.jsonl              one event in JSON per line
  milepost log verify ./milepost-data          read all that a service keeps, and name what is broken

Subcommands: publish, run, watch, log. milepost SUBCOMMAND --help tells more.
)";

int Main(const std::vector<std::string>& args) {
  if (args.empty()) {
    std::cerr << kHelp;
    return kExitUsage;
  }
  const std::vector<std::string> rest(args.begin() + 1, args.end());
  if (args[0] == "run") return RunMain(rest);
  if (args[0] == "publish") return PublishMain(rest);
  if (args[0] == "watch") return WatchMain(rest);
  if (args[0] == "log") return LogMain(rest);
  if (args[0] == "--help" || args[0] == "-h" || args[0] == "help") {
    std::cout << kHelp;
    return 0;
  }
  std::cerr << "milepost: no subcommand " << contract::Quoted(args[0]) << "; there are publish, run, watch and log (milepost --help)\n";
  return kExitUsage;
}

}  // namespace

int BadUsage(absl::string_view subcommand, const absl::Status& status) {
  std::cerr << "milepost " << subcommand << ": " << status.message() << " (milepost " << subcommand << " --help)\n";
  return kExitUsage;
}

}  // namespace milepost::tool

int main(int argc, char** argv) { return milepost::tool::Main({argv + 1, argv + argc}); }
