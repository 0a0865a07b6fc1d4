// From flags or a line of JSON to an event. Pure; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "milepost/v1/event.pb.h"
#include "tools/milepost/flags.h"

namespace milepost::tool {

// A longer line is refused: an event has at most 64 KiB, and JSON does not make it four times as long.
inline constexpr size_t kMaxInputLineBytes = 256 * 1024;

// The flags that say what an event holds.
struct EventFlags {
  std::string job;
  std::vector<std::string> resources;
  std::optional<uint32_t> attempt;
  std::optional<std::string> state, title, kind, message, step, unit, failed, notice, warning, error, line, metadata, correlation_id;
  std::vector<std::string> artifacts;  // NAME=URI
  std::optional<double> fraction, done, total;
  bool completed = false, cancelled = false, retryable = false;

  void AddTo(FlagSet* set);
  // True if a flag says what happened, and not only to which job.
  bool SaysWhat() const;
};

// INVALID_ARGUMENT names the flag.
absl::StatusOr<v1::ProgressEvent> EventFromFlags(const EventFlags& flags);

// A line without its end: protobuf's JSON mapping of ProgressEvent. INVALID_ARGUMENT says what is wrong with it.
absl::StatusOr<v1::ProgressEvent> EventFromJson(absl::string_view line);

}  // namespace milepost::tool
