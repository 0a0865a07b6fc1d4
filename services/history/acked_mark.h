// AckedMark: the newest record that was made durable, in a small file beside the store.
//
// A log whose newest file was cut short looks just like one whose last write was never finished. The mark tells them
// apart: it is set after every commit, before anyone is told of it. Beside it stands how long the manifest was, for the
// same reason. It lives in memory that the system writes back, so it costs nothing, survives the process, and after a
// loss of power is at worst too low.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace milepost::history {

// Set by one thread at a time.
class AckedMark {
 public:
  // Makes the file `path` if it is not there.
  static absl::StatusOr<std::unique_ptr<AckedMark>> Open(const std::string& path);
  ~AckedMark();
  AckedMark(const AckedMark&) = delete;

  uint64_t get() const { return file_->seq.load(std::memory_order_relaxed); }
  void set(uint64_t seq) { file_->seq.store(seq, std::memory_order_relaxed); }

  // 0 and 0 until they are set. Whatever is read back, the number and the size belong together.
  uint64_t manifest() const { return file_->manifest.load(std::memory_order_relaxed); }
  uint64_t manifest_size() const { return file_->manifest_size.load(std::memory_order_relaxed); }
  void set_manifest(uint64_t number, uint64_t size);

 private:
  // The file, in the byte order of the machine.
  struct File {
    std::atomic<uint64_t> seq;
    std::atomic<uint64_t> manifest;
    std::atomic<uint64_t> manifest_size;
  };

  static_assert(sizeof(File) == 24);

  explicit AckedMark(File* file) : file_(file) {}

  File* const file_;
};

}  // namespace milepost::history
