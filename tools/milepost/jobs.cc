// milepost jobs: jobs as a table, or one whole.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>

#include <google/protobuf/util/json_util.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "clients/cpp/job_client.h"
#include "proto/contract/resource.h"
#include "tools/milepost/flags.h"
#include "tools/milepost/jobs_table.h"
#include "tools/milepost/subcommands.h"

namespace milepost::tool {
namespace {

constexpr absl::string_view kHelp = R"(milepost jobs [FLAGS] [JOB]

Lists jobs, newest first, with how many stand where; or shows one job with all that is known of it. Waits for nothing:
milepost watch follows a job.

  milepost jobs                               the newest 100
  milepost jobs --state=active                those that have not ended
  milepost jobs --resource=user:7 --kind=video --state=failed
  milepost jobs --query=nightly -n 1000       text in title, message or a label
  milepost jobs --json | jq -r .job           JSON of JobState, one a line
  milepost jobs job:42                        one job: steps, times, results, last lines

States: queued, running, waiting, paused, cancelling, stalled, completed, failed, cancelled; active and ended are those
that have not ended and those that have.
Exit status: 0, 1 if the service is away or does not know the job, 2 for bad flags.

)";

constexpr uint32_t kDefaultJobs = 100;
constexpr uint32_t kMaxPage = 1000;  // contract: job_service.proto

struct JobsFlags {
  std::optional<std::string> resource, kind, state, query;
  std::optional<uint32_t> limit;
  bool json = false;
  std::string eventd = std::string(kDefaultAddress);
  int64_t timeout = 10000;
};

size_t TerminalWidth() {
  winsize size{};
  return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kAnyWidth;
}

void PrintJson(const v1::JobState& job) {
  std::string json;
  google::protobuf::util::MessageToJsonString(job, &json);
  std::cout << json << "\n";
}

int Fail(const absl::Status& status, const std::string& address) {
  std::cerr << "milepost: " << CallFault(status, address) << "\n";
  return kExitFailure;
}

int ShowOne(const client::JobClient& client, const std::string& name, const JobsFlags& flags) {
  const absl::StatusOr<v1::JobState> job = client.Get(name);
  if (absl::IsNotFound(job.status())) {
    std::cerr << "milepost: the service knows no job " << name << "\n";
    return kExitFailure;
  }
  if (!job.ok()) return Fail(job.status(), flags.eventd);
  if (flags.json) {
    PrintJson(*job);
    return 0;
  }
  for (const std::string& line : JobDetails(*job, std::chrono::system_clock::now(), TerminalWidth())) std::cout << line << "\n";
  return 0;
}

v1::ListJobsRequest Filter(const JobsFlags& flags) {
  v1::ListJobsRequest request;
  if (flags.resource) request.set_resource(*flags.resource);
  if (flags.kind) request.set_kind(*flags.kind);
  if (flags.state) request.set_state(absl::AsciiStrToLower(*flags.state));
  if (flags.query) request.set_query(*flags.query);
  return request;
}

// Pages on until there are as many as wanted. JSON goes out page by page; a table needs all its rows to be aligned.
int List(const client::JobClient& client, const JobsFlags& flags) {
  const uint32_t wanted = flags.limit.value_or(kDefaultJobs);
  v1::ListJobsRequest request = Filter(flags);
  std::vector<v1::JobState> jobs;
  v1::JobCounts counts;
  uint32_t have = 0;
  for (bool more = true; more;) {
    request.set_page_size(std::clamp<uint32_t>(wanted - have, 1, kMaxPage));
    absl::StatusOr<v1::ListJobsResponse> page = client.List(request);
    if (!page.ok()) return Fail(page.status(), flags.eventd);
    if (have == 0) counts = page->counts();
    for (v1::JobState& job : *page->mutable_jobs()) {
      if (have == wanted) break;
      ++have;
      if (flags.json) {
        PrintJson(job);
      } else {
        jobs.push_back(std::move(job));
      }
    }
    more = have < wanted && page->jobs_size() > 0 && !page->next_page_token().empty();
    request.set_page_token(page->next_page_token());
  }
  if (flags.json) return 0;
  if (!jobs.empty()) {
    for (const std::string& line : JobTable(jobs, std::chrono::system_clock::now(), TerminalWidth())) std::cout << line << "\n";
  }
  std::cout << CountsText(counts);
  if (counts.total() > have && wanted > 0) std::cout << " (the newest " << have << " are shown; -n " << counts.total() << " shows all)";
  std::cout << "\n";
  return 0;
}

}  // namespace

int JobsMain(const std::vector<std::string>& args) {
  JobsFlags flags;
  FlagSet set;
  set.String("resource", &flags.resource, "NAME", "jobs that are this resource or carry it: a name, kind:* or kind:prefix*");
  set.String("kind", &flags.kind, "KIND", "jobs of this kind");
  set.String("state", &flags.state, "STATE", "jobs in this state, or active, or ended");
  set.String("query", &flags.query, "TEXT", "jobs whose title, message or labels hold this, in any case");
  set.Integer("limit", &flags.limit, "N", absl::StrCat("at most so many, also -n N; 0: only the counts (default: ", kDefaultJobs, ")"));
  set.Short('n', "limit");
  set.Switch("json", &flags.json, "print JSON of JobState, one job a line");
  set.String("eventd", &flags.eventd, "HOST:PORT", absl::StrCat("the event service (default: ", kDefaultAddress, ")"));
  set.Duration("timeout", &flags.timeout, "TIME", "how long to try while the service is away (default: 10s)");
  std::vector<std::string> operands;
  absl::Status status = set.Parse(args, FlagOrder::kAnywhere, &operands);
  if (status.ok() && set.help()) {
    std::cout << kHelp << set.Describe();
    return 0;
  }
  const bool filtered = flags.resource || flags.kind || flags.state || flags.query || flags.limit;
  if (status.ok() && operands.size() > 1) status = absl::InvalidArgumentError("one job at most; --resource lists more");
  if (status.ok() && !operands.empty() && filtered) status = absl::InvalidArgumentError("a job and a filter: leave one of them out");
  if (status.ok() && !operands.empty()) status = contract::ValidateResource(operands[0], "JOB");
  if (!status.ok()) return BadUsage("jobs", status);

  const client::JobClient client({.address = flags.eventd, .patience = std::chrono::milliseconds(flags.timeout)});
  return operands.empty() ? List(client, flags) : ShowOne(client, operands[0], flags);
}

}  // namespace milepost::tool
