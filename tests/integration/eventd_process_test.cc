// milepost-eventd as a process: readiness, flags, exit statuses, signals.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "milepost/v1/event_service.grpc.pb.h"

extern char** environ;

namespace milepost {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kTimeoutMs = 20'000;

// A running milepost-eventd; killed in the end if it still runs.
class Process {
 public:
  explicit Process(std::vector<std::string> arguments) {
    int out[2], err[2];
    EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(err, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    arguments.insert(arguments.begin(), MILEPOST_EVENTD);
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, MILEPOST_EVENTD, &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    close(err[1]);
    out_ = out[0];
    err_ = err[0];
  }

  ~Process() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(out_);
    close(err_);
  }

  // The address of the readiness line.
  std::string Address() {
    const std::string line = ReadUntil(out_, '\n');
    EXPECT_THAT(line, StartsWith("listening on 127.0.0.1:"));
    return line.substr(std::string("listening on ").size(), line.size() - std::string("listening on ").size() - 1);
  }

  void Signal(int number) { kill(pid_, number); }

  // Waits for the end; what was written is in the two strings.
  int Exit(std::string* out, std::string* err) {
    *out = ReadUntil(out_, '\0');
    *err = ReadUntil(err_, '\0');
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  // Reads up to and with `end`, or to the end of the file.
  static std::string ReadUntil(int file, char end) {
    std::string text;
    char c;
    pollfd wait{file, POLLIN, 0};
    while (poll(&wait, 1, kTimeoutMs) == 1 && read(file, &c, 1) == 1) {
      text += c;
      if (c == end) break;
    }
    return text;
  }

  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
};

struct Result {
  int status;
  std::string out;
  std::string err;
};

Result RunToEnd(const std::vector<std::string>& arguments) {
  Process process(arguments);
  Result result;
  result.status = process.Exit(&result.out, &result.err);
  return result;
}

TEST(EventdProcessTest, TellsItsAddressAndStopsCleanlyOnSignalsWithOpenStreams) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Process process({"--log=memory", "--listen=127.0.0.1:0", "--log_format=json"});
    auto stub = v1::EventService::NewStub(grpc::CreateChannel(process.Address(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(kTimeoutMs));
    auto reader = stub->Subscribe(&context, v1::SubscribeRequest());
    v1::SubscribeResponse response;
    ASSERT_TRUE(reader->Read(&response));
    process.Signal(signal);
    while (reader->Read(&response)) {
    }
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
    std::string out, err;
    EXPECT_EQ(process.Exit(&out, &err), 0);
    EXPECT_EQ(out, "") << "one line on standard output, no more";
    EXPECT_THAT(err, HasSubstr(R"("message":"stopped"})"));
  }
}

TEST(EventdProcessTest, ATakenPortIsAClearErrorAndExitStatusOne) {
  Process first({"--log=memory", "--listen=127.0.0.1:0"});
  const Result second = RunToEnd({"--log=memory", "--listen=" + first.Address()});
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.err, HasSubstr("cannot listen on 127.0.0.1:"));
  EXPECT_EQ(second.out, "");
}

TEST(EventdProcessTest, BadFlagsAreExitStatusTwoAndNamed) {
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"--bogus", "bogus"},
      {"--retention_age=soon", "retention_age"},
      {"--listen=nowhere", "--listen=\"nowhere\": must be ADDRESS:PORT"},
      {"--listen=127.0.0.1:65536", "--listen="},
      {"--log=rocksdb:", "has no directory"},
      {"--log=nats://127.0.0.1:4222", "not built in yet"},
      {"--log=paper", "no such log"},
      {"--durability=maybe", "must be sync or os"},
      {"--log_format=xml", "must be text or json"},
      {"stray", "unexpected argument stray"},
  };
  for (const auto& [flag, message] : cases) {
    const Result result = RunToEnd({flag});
    EXPECT_EQ(result.status, 2) << flag;
    EXPECT_THAT(result.err, HasSubstr(message)) << flag;
  }
}

TEST(EventdProcessTest, HelpTeachesAndIsNoError) {
  const Result result = RunToEnd({"--help"});
  EXPECT_EQ(result.status, 0);
  for (const char* flag : {"--listen", "--log ", "--retention_mib", "--retention_age", "--log_format", "listening on ADDRESS:PORT"}) {
    EXPECT_THAT(result.out, HasSubstr(flag));
  }
}

}  // namespace
}  // namespace milepost
