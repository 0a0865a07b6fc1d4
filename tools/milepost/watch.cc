// milepost watch: jobs as bars in a terminal, as plain lines in a log, as JSON for programs.
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <google/protobuf/util/json_util.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/cpp/subscriber.h"
#include "proto/contract/cursor.h"
#include "proto/contract/resource.h"
#include "tools/milepost/command.h"
#include "tools/milepost/copy.h"
#include "tools/milepost/flags.h"
#include "tools/milepost/subcommands.h"
#include "tools/milepost/text.h"
#include "tools/milepost/watch_view.h"

namespace milepost::tool {
namespace {

constexpr absl::string_view kHelp = R"(milepost watch [FLAGS] RESOURCE…

Shows the jobs that are a resource or carry it, as they stand and as they go on: in a terminal as bars with percent and
time to the end, otherwise a line for each thing worth telling. It goes on over restarts of the service, and says so.

  milepost watch job:42                       a job, until it ends; if it has ended, how
  milepost watch user:7 'job:nightly-*'       everything of a user, and all jobs of a name
  milepost watch --json job:42 | jq .         every event as a line of JSON
  milepost watch --last=50 job:42             the newest 50 events, and on from there
  milepost watch --cursor=earliest job:42     from the oldest event that is kept

Exit status, where the only resource is a job's own name: 0 it completed, 3 it failed, 4 it was cancelled.
2 for bad flags, 1 if the service refuses, 130 after Ctrl-C.

)";

constexpr std::chrono::milliseconds kDrawInterval{100};
constexpr uint32_t kMaxLast = 1000;
constexpr size_t kAnyWidth = 4096;

struct WatchFlags {
  std::vector<std::string> resources;
  std::string cursor;
  std::optional<uint32_t> last;
  std::string eventd = std::string(kDefaultAddress);
  bool json = false;
};

absl::Status Check(const WatchFlags& flags) {
  if (flags.resources.empty()) return absl::InvalidArgumentError("which resource, for example job:42?");
  for (const std::string& resource : flags.resources) {
    if (absl::Status status = contract::ValidateResourceOrPattern(resource, "RESOURCE"); !status.ok()) return status;
  }
  const bool word = flags.cursor == contract::kEarliest || flags.cursor == contract::kLatest;
  if (!flags.cursor.empty() && !word && !contract::ParseCursor(flags.cursor)) {
    return absl::InvalidArgumentError(absl::StrCat("--cursor: ", contract::Quoted(flags.cursor), " is no cursor; write one that was printed, earliest or latest"));
  }
  if (flags.last.value_or(0) > kMaxLast) return absl::InvalidArgumentError(absl::StrCat("--last: ", *flags.last, " is more than ", kMaxLast));
  return absl::OkStatus();
}

bool LocaleIsUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return absl::StrContains(value, "UTF-8") || absl::StrContains(value, "utf8");
  }
  return false;
}

void WriteAll(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) std::exit(kExitFailure);  // nobody reads any more
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
}

// One watch. The main thread draws and takes signals; the subscriber's thread brings what happens. `mutex_` guards what
// both use.
class Watch {
 public:
  explicit Watch(const WatchFlags& flags)
      : flags_(flags), live_(!flags.json && isatty(STDOUT_FILENO)), view_(LocaleIsUtf8()) {
    if (flags.resources.size() == 1 && !contract::IsPattern(flags.resources[0])) only_job_ = flags.resources[0];
  }

  int Run(int signals) {
    client::Subscriber subscriber({
        .address = flags_.eventd,
        .subscription = {.resources = flags_.resources, .cursor = flags_.cursor, .last = flags_.last.value_or(flags_.json ? kMaxLast : 0)},
        .on_delivery = [this](const client::Delivery& delivery) { OnDelivery(delivery); },
        .on_connection = [this](bool connected, const absl::Status& why) { OnConnection(connected, why); },
        .on_refused = [this](const absl::Status& why) { OnRefused(why); },
    });
    std::optional<int> status;
    while (!status) {
      // Once a second the elapsed times move on.
      pollfd fds[2] = {{.fd = signals, .events = POLLIN}, {.fd = changed_.fd(), .events = POLLIN}};
      poll(fds, 2, live_ ? 1000 : -1);
      signalfd_siginfo info;
      while (read(signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo != SIGWINCH) status = kExitInterrupted;
      }
      changed_.Clear();
      if (live_) Draw();
      if (!status) {
        std::lock_guard lock(mutex_);
        status = status_;
      }
      // What comes in quick turns is drawn at once.
      if (live_ && !status) poll(fds, 1, static_cast<int>(kDrawInterval.count()));
    }
    return *status;
  }

 private:
  void OnDelivery(const client::Delivery& delivery) {
    std::string text;
    {
      std::lock_guard lock(mutex_);
      if (delivery.reset) view_.Clear();
      // Past events lead up to the snapshots, and are told first; later ones go on from them.
      const uint64_t taken = SeqOf(delivery.snapshots);
      for (const v1::ProgressEvent& event : delivery.events) {
        if (event.seq() <= taken) Take(event, &text);
      }
      for (const v1::Snapshot& snapshot : delivery.snapshots) {
        if (snapshot.cursor() != told_at_) told_.clear();
        told_at_ = snapshot.cursor();
        for (const v1::JobState& job : snapshot.jobs()) Take(job, &text);
      }
      for (const v1::ProgressEvent& event : delivery.events) {
        if (event.seq() > taken) Take(event, &text);
      }
      if (!only_job_.empty() && !status_) status_ = ExitStatusOf(view_.EndOf(only_job_));
    }
    if (!text.empty()) WriteAll(text);
    if (delivery.reset) Say(absl::StrCat("the log is not the one it was (", v1::Reset::Reason_Name(delivery.reset->reason()), "); what was shown is void"));
    changed_.Set();
  }

  // All are taken at one position; 0 if there are none.
  static uint64_t SeqOf(const std::vector<v1::Snapshot>& snapshots) {
    if (snapshots.empty()) return 0;
    const auto cursor = contract::ParseCursor(snapshots[0].cursor());
    return cursor ? cursor->seq : 0;
  }

  // mutex_ is held.
  void Take(const v1::JobState& state, std::string* text) {
    view_.Apply(state);
    // A job is in the snapshot of each resource that it carries.
    if (!flags_.json && !live_ && told_.insert(state.job()).second) absl::StrAppend(text, CutColumns(WatchView::PlainLine(state, std::chrono::system_clock::now()), kAnyWidth), "\n");
  }

  // mutex_ is held.
  void Take(const v1::ProgressEvent& event, std::string* text) {
    view_.Apply(event);
    if (flags_.json) {
      std::string json;
      google::protobuf::util::MessageToJsonString(event, &json);
      absl::StrAppend(text, json, "\n");
      return;
    }
    // In a terminal only what should not vanish with the next frame is a line of its own.
    if (live_ && event.event_case() != v1::ProgressEvent::kNotice) return;
    const std::string line = CutColumns(view_.PlainLine(event), kAnyWidth);
    if (line.empty()) return;
    if (live_) {
      above_.push_back(line);
    } else {
      absl::StrAppend(text, line, "\n");
    }
  }

  static std::optional<int> ExitStatusOf(WatchedEnd end) {
    switch (end) {
      case WatchedEnd::kCompleted:
        return 0;
      case WatchedEnd::kFailed:
        return kExitFailed;
      case WatchedEnd::kCancelled:
        return kExitCancelled;
      case WatchedEnd::kNone:
        break;
    }
    return std::nullopt;
  }

  void OnConnection(bool connected, const absl::Status& why) {
    if (!connected) {
      lost_ = true;
      Say(absl::StrCat("the service at ", flags_.eventd, " is away, trying again (", why.message(), ")"));
    } else if (lost_) {
      lost_ = false;
      Say("connected again");
    }
  }

  void OnRefused(const absl::Status& why) {
    Say(absl::StrCat("the service refuses: ", why.message()));
    std::lock_guard lock(mutex_);
    status_ = kExitFailure;
    changed_.Set();
  }

  void Say(const std::string& sentence) {
    const std::string line = absl::StrCat("milepost: ", CutColumns(sentence, 400));
    if (!live_) {
      std::cerr << line << "\n";
      return;
    }
    std::lock_guard lock(mutex_);
    above_.push_back(line);
    changed_.Set();
  }

  void Draw() {
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) size = {.ws_row = 24, .ws_col = 80};
    std::string frame;
    {
      std::lock_guard lock(mutex_);
      // The last column and row stay empty: a terminal would wrap or scroll there.
      std::vector<std::string> lines = view_.Render(std::chrono::system_clock::now(), size.ws_col - 1u, std::max(1, size.ws_row - 1));
      for (std::string& line : above_) line = CutColumns(line, size.ws_col - 1u);
      if (lines == drawn_ && above_.empty()) return;
      frame = DrawFrame(drawn_.size(), above_, lines);
      drawn_ = std::move(lines);
      above_.clear();
    }
    WriteAll(frame);
  }

  const WatchFlags flags_;
  const bool live_;
  std::string only_job_;  // the job whose end is the end of the watch
  Event changed_;
  bool lost_ = false;  // used by the subscriber's thread

  std::mutex mutex_;
  // Guarded by mutex_.
  WatchView view_;
  std::string told_at_;             // the cursor of the newest snapshots
  std::set<std::string> told_;      // jobs of theirs that were told
  std::vector<std::string> above_;  // lines to be shown once, above the picture
  std::optional<int> status_;

  std::vector<std::string> drawn_;  // what the terminal shows; used by the main thread
};

}  // namespace

int WatchMain(const std::vector<std::string>& args) {
  WatchFlags flags;
  FlagSet set;
  set.String("cursor", &flags.cursor, "CURSOR", "go on after this place in the log; earliest, latest (default: what is, and what follows)");
  set.Integer("last", &flags.last, "N", "begin with the newest N events, at most 1000 (default: 1000 with --json, else 0)");
  set.Switch("json", &flags.json, "print every event as a line of JSON");
  set.String("eventd", &flags.eventd, "HOST:PORT", absl::StrCat("the event service (default: ", kDefaultAddress, ")"));
  absl::Status status = set.Parse(args, FlagOrder::kAnywhere, &flags.resources);
  if (status.ok() && set.help()) {
    std::cout << kHelp << set.Describe();
    return 0;
  }
  if (status.ok()) status = Check(flags);
  if (!status.ok()) return BadUsage("watch", status);

  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) sigaddset(&wanted, number);
  sigprocmask(SIG_BLOCK, &wanted, nullptr);
  signal(SIGPIPE, SIG_IGN);
  const Fd signals(signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  return Watch(flags).Run(signals.get());
}

}  // namespace milepost::tool
