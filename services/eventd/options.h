// Options of milepost-eventd: one plain struct, read once from the flags.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace milepost::eventd {

struct Options {
  std::string listen = "127.0.0.1:7070";        // ADDRESS:PORT; port 0 picks one
  std::string log = "memory";                   // where events are kept, as the flag says it
  std::string store_dir;                        // the directory of a rocksdb log; empty: in memory
  bool sync = true;                             // acks wait until the disk has it
  size_t retention_bytes = size_t{256} << 20;   // what kept events may take
  std::chrono::seconds retention_age{24 * 3600};  // how long events are kept
  std::chrono::seconds keep_jobs{7 * 24 * 3600};  // how long a job is known after its last event
  std::chrono::seconds lost_after{600};         // from the end of a worker's lease to the failure of its jobs
  size_t min_free_bytes = size_t{256} << 20;    // free space of the disk below which nothing is stored
  bool accept_loss = false;                     // start even if acknowledged records are missing
  bool rebuild = false;                         // make all views from the kept records
  std::chrono::milliseconds drain{8000};        // how long calls under way may take when stopping
  std::chrono::microseconds pace{200};          // least time between two writes on one reader's stream
  bool json_log = false;                        // log lines as JSON
  std::function<int64_t()> clock;               // nanoseconds since the Unix epoch, for tests; empty: the machine's
};

// The options that the flags give, within their limits. INVALID_ARGUMENT for what cannot be meant.
absl::StatusOr<Options> OptionsFromFlags();

// Brings what is out of range to the nearest limit.
void Clamp(Options* options);

// All of them in one line, for the start of the log.
std::string Describe(const Options& options);

}  // namespace milepost::eventd
