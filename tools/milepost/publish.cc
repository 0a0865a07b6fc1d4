// milepost publish: one event from flags, or many from lines of JSON.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iostream>
#include <thread>

#include <google/protobuf/util/json_util.h>
#include <poll.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "clients/cpp/backoff.h"
#include "clients/cpp/channel.h"
#include "clients/cpp/check_event.h"
#include "clients/cpp/random.h"
#include "milepost/v1/event_service.grpc.pb.h"
#include "tools/milepost/flags.h"
#include "tools/milepost/publish_input.h"
#include "tools/milepost/subcommands.h"

namespace milepost::tool {
namespace {

using Clock = std::chrono::steady_clock;

constexpr absl::string_view kHelp = R"(milepost publish [FLAGS]

Publishes one event that the flags describe, or, without such flags, one event for each line of standard input: JSON of
ProgressEvent, at most 256 KiB a line.

  milepost publish --job=job:42 --resource=user:7 --state=RUNNING --title='Nightly build'
  milepost publish --job=job:42 --step=compile --fraction=0.4 --message='main.cc'
  milepost publish --job=job:42 --step=upload --done=3 --total=12 --unit=files
  milepost publish --job=job:42 --failed=PROVIDER --message='quota used up' --retryable
  milepost publish --job=job:42 --completed --artifact=video=https://cdn.example/42.mp4
  echo '{"job":"job:42","progress":{"step":"tts","fraction":0.4}}' | milepost publish --json

Exit status: 0 everything is stored, 1 something was rejected or the service is away, 2 bad flags.

)";

// What one Publish call takes (contract: event_service.proto); the bytes keep it below a service's message limit.
constexpr size_t kMaxCallEvents = 1000;
constexpr size_t kMaxCallBytes = 1024 * 1024;
constexpr std::chrono::seconds kCallTimeout{10};

// Sends events in calls that are safe to repeat, and tells what became of each. Used by one thread.
class Sender {
 public:
  Sender(const std::string& address, std::chrono::milliseconds patience, bool json)
      : address_(address), patience_(patience), json_(json), stub_(v1::EventService::NewStub(client::NewChannel(address))) {}

  // `line` is where the event came from; 0: from flags.
  void Add(size_t line, const absl::StatusOr<v1::ProgressEvent>& event) {
    absl::Status status = event.status();
    if (status.ok()) status = client::CheckEvent(*event);
    if (!status.ok()) {
      // Answers come in the order of the input.
      Send();
      Tell(line, Rejection(status));
      return;
    }
    const size_t bytes = event->ByteSizeLong();
    if (lines_.size() == kMaxCallEvents || bytes_ + bytes > kMaxCallBytes) Send();
    *request_.add_events() = *event;
    lines_.push_back(line);
    bytes_ += bytes;
  }

  // Sends what is waiting. False: the service is away, nothing more will be stored.
  bool Send() {
    if (lines_.empty() || away_) return !away_;
    request_.set_idempotency_key(client::RandomId());
    v1::PublishResponse response;
    const absl::Status status = Call(&response);
    if (status.ok() && static_cast<size_t>(response.results_size()) == lines_.size()) {
      for (size_t i = 0; i < lines_.size(); ++i) Tell(lines_[i], response.results(static_cast<int>(i)));
    } else {
      ok_ = false;
      away_ = MayComeBack(status);
      std::cerr << "milepost: " << lines_.size() << (lines_.size() == 1 ? " event was" : " events were") << " not stored"
                << (lines_[0] > 0 ? absl::StrCat(", from line ", lines_[0], " on") : "") << ": "
                << (away_ ? absl::StrCat("the service at ", address_, " is away (", status.message(), ")") : std::string(status.message())) << "\n";
    }
    request_.Clear();
    lines_.clear();
    bytes_ = 0;
    return !away_;
  }

  bool ok() const { return ok_; }

 private:
  static bool MayComeBack(const absl::Status& status) {
    return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) || absl::IsDeadlineExceeded(status);
  }

  static v1::PublishResult Rejection(const absl::Status& status) {
    v1::PublishResult result;
    result.mutable_error()->set_code(static_cast<int>(status.code()));
    result.mutable_error()->set_message(std::string(status.message()));
    return result;
  }

  // The same key each time: an answer that was lost does not store the events twice.
  absl::Status Call(v1::PublishResponse* response) {
    const Clock::time_point until = Clock::now() + patience_;
    client::Backoff backoff(client::RandomFraction);
    for (;;) {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
      const absl::Status status = client::ToAbsl(stub_->Publish(&context, request_, response));
      const auto pause = backoff.Next();
      if (!MayComeBack(status) || Clock::now() + pause >= until) return status;
      std::this_thread::sleep_for(pause);
    }
  }

  void Tell(size_t line, const v1::PublishResult& result) {
    if (json_) {
      std::string json;
      google::protobuf::util::MessageToJsonString(result, &json);
      std::cout << json << "\n" << std::flush;
    }
    if (!result.has_error()) return;
    ok_ = false;
    std::cerr << "milepost: " << (line > 0 ? absl::StrCat("line ", line, ": ") : "") << result.error().message() << "\n";
  }

  const std::string address_;
  const std::chrono::milliseconds patience_;
  const bool json_;
  const std::unique_ptr<v1::EventService::Stub> stub_;
  v1::PublishRequest request_;
  std::vector<size_t> lines_;  // where the events of request_ came from
  size_t bytes_ = 0;
  bool ok_ = true;
  bool away_ = false;
};

// Standard input as lines. A line past the limit is given cut to one byte more, so that it is refused.
class LineReader {
 public:
  // The next line; false at the end. `more` says whether another one is there already.
  bool Next(std::string* line, bool* more) {
    size_t end;
    while ((end = buffer_.find('\n', scanned_)) == std::string::npos && !ended_) {
      scanned_ = buffer_.size();
      Fill();
    }
    if (end == std::string::npos) {
      if (buffer_.empty()) return false;
      end = buffer_.size();
    }
    *line = buffer_.substr(0, std::min(end, kMaxInputLineBytes + 1));
    if (!line->empty() && line->back() == '\r') line->pop_back();
    buffer_.erase(0, end + 1);
    scanned_ = 0;
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN};
    *more = buffer_.find('\n') != std::string::npos || (!ended_ && poll(&input, 1, 0) > 0);
    return true;
  }

 private:
  void Fill() {
    char bytes[64 * 1024];
    const ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
      ended_ = true;
      return;
    }
    buffer_.append(bytes, static_cast<size_t>(got));
    // What has no line end yet and is too long already will be refused: its rest need not be kept.
    const size_t newest = buffer_.rfind('\n') + 1;  // npos + 1 is 0
    if (newest == 0 && buffer_.size() > 2 * kMaxInputLineBytes) buffer_.resize(kMaxInputLineBytes + 1);
    scanned_ = std::min(scanned_, buffer_.size());
  }

  std::string buffer_;
  size_t scanned_ = 0;  // no line end before it
  bool ended_ = false;
};

void SendLines(const EventFlags& defaults, Sender* sender) {
  LineReader input;
  std::string line;
  bool more = false;
  for (size_t number = 1; input.Next(&line, &more); ++number) {
    if (!absl::StripAsciiWhitespace(line).empty()) {
      absl::StatusOr<v1::ProgressEvent> event = EventFromJson(line);
      if (event.ok() && event->job().empty()) event->set_job(defaults.job);
      for (const std::string& resource : defaults.resources) {
        if (event.ok()) event->add_resources(resource);
      }
      sender->Add(number, event);
    }
    // What comes slowly is sent at once, what comes fast in large calls.
    if (!more && !sender->Send()) return;
  }
  sender->Send();
}

}  // namespace

int PublishMain(const std::vector<std::string>& args) {
  EventFlags flags;
  std::string eventd(kDefaultAddress);
  int64_t patience = 10000;
  bool json = false;
  FlagSet set;
  flags.AddTo(&set);
  set.Switch("json", &json, "print what became of each event: {\"seq\",\"cursor\"} or {\"error\"}");
  set.String("eventd", &eventd, "HOST:PORT", absl::StrCat("the event service (default: ", kDefaultAddress, ")"));
  set.Duration("timeout", &patience, "TIME", "how long to try while the service is away (default: 10s)");
  std::vector<std::string> operands;
  absl::Status status = set.Parse(args, FlagOrder::kAnywhere, &operands);
  if (status.ok() && set.help()) {
    std::cout << kHelp << set.Describe();
    return 0;
  }
  if (status.ok() && !operands.empty()) status = absl::InvalidArgumentError(absl::StrCat("unexpected word \"", operands[0], "\": everything is a flag"));
  if (!status.ok()) return BadUsage("publish", status);

  Sender sender(eventd, std::chrono::milliseconds(patience), json);
  if (flags.SaysWhat()) {
    const absl::StatusOr<v1::ProgressEvent> event = EventFromFlags(flags);
    if (!event.ok()) return BadUsage("publish", event.status());
    sender.Add(0, event);
    sender.Send();
  } else {
    if (isatty(STDIN_FILENO)) return BadUsage("publish", absl::InvalidArgumentError("nothing to publish: give flags, or lines of JSON on standard input"));
    SendLines(flags, &sender);
  }
  return sender.ok() ? 0 : kExitFailure;
}

}  // namespace milepost::tool
