// The process's log: one line an event on standard error, as text or JSON.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace milepost::eventd {

// Sets spdlog up, and leads what gRPC has to say into it. Called once, before threads are started.
void SetUpLogging(bool json);

// `text` as the inside of a JSON string.
std::string JsonEscaped(absl::string_view text);

}  // namespace milepost::eventd
