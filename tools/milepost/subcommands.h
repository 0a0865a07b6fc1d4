// The subcommands of `milepost`: each is given the words after its name and answers with the exit status.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace milepost::tool {

inline constexpr absl::string_view kDefaultAddress = "127.0.0.1:7070";

// Exit statuses (design: 0 as asked, 1 failure, 2 bad flags).
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
// How a job ended, where that is asked.
inline constexpr int kExitFailed = 3;
inline constexpr int kExitCancelled = 4;
inline constexpr int kExitInterrupted = 130;

int PublishMain(const std::vector<std::string>& args);
int RunMain(const std::vector<std::string>& args);
int WatchMain(const std::vector<std::string>& args);
int JobsMain(const std::vector<std::string>& args);
int CancelMain(const std::vector<std::string>& args);
int PauseMain(const std::vector<std::string>& args);
int ResumeMain(const std::vector<std::string>& args);
int RetryMain(const std::vector<std::string>& args);
int LogMain(const std::vector<std::string>& args);

// Says on standard error what is wrong and where to read more.
int BadUsage(absl::string_view subcommand, const absl::Status& status);

// What a failed call of the service at `address` means, for people.
std::string CallFault(const absl::Status& status, absl::string_view address);

}  // namespace milepost::tool
