#include "tools/milepost/subcommands.h"

#include <iostream>

#include "absl/strings/str_cat.h"

namespace milepost::tool {

int BadUsage(absl::string_view subcommand, const absl::Status& status) {
  std::cerr << "milepost " << subcommand << ": " << status.message() << " (milepost " << subcommand << " --help)\n";
  return kExitUsage;
}

std::string CallFault(const absl::Status& status, absl::string_view address) {
  const bool away = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return away ? absl::StrCat("the service at ", address, " is away (", status.message(), ")") : std::string(status.message());
}

}  // namespace milepost::tool
