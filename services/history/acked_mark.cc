#include "services/history/acked_mark.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace milepost::history {
namespace {

constexpr size_t kFileBytes = 3 * sizeof(uint64_t);
static_assert(std::atomic<uint64_t>::is_always_lock_free);

absl::Status Failed(const std::string& path, const char* what) {
  const int error = errno;
  const std::string message = absl::StrCat(path, ": cannot ", what, ": ", std::strerror(error));
  return error == ENOSPC || error == EDQUOT ? absl::ResourceExhaustedError(message) : absl::UnavailableError(message);
}

// Written whole, so that setting the mark later never asks for space.
bool Fill(int file, off_t from) {
  const char zeros[kFileBytes] = {};
  const ssize_t missing = static_cast<ssize_t>(kFileBytes) - from;
  return missing <= 0 || (pwrite(file, zeros, missing, from) == missing && fsync(file) == 0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<AckedMark>> AckedMark::Open(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return Failed(path, "open it");
  absl::Status status;
  void* memory = MAP_FAILED;
  const off_t size = lseek(file, 0, SEEK_END);
  if (size < 0 || !Fill(file, size)) {
    status = Failed(path, "write it");
  } else {
    memory = mmap(nullptr, kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) status = Failed(path, "map it");
  }
  close(file);
  if (!status.ok()) return status;
  return std::unique_ptr<AckedMark>(new AckedMark(static_cast<File*>(memory)));
}

AckedMark::~AckedMark() { munmap(file_, kFileBytes); }

void AckedMark::set_manifest(uint64_t number, uint64_t size) {
  if (number != manifest()) {
    // Between these a new number would stand beside an old size.
    file_->manifest_size.store(0, std::memory_order_seq_cst);
    file_->manifest.store(number, std::memory_order_seq_cst);
  }
  file_->manifest_size.store(size, std::memory_order_seq_cst);
}

}  // namespace milepost::history
