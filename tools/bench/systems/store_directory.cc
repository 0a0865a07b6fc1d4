#include "tools/bench/systems/store_directory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace milepost::bench {
namespace {

// Files may vanish while they are being looked at; what is gone is skipped.
void ForEachFile(const std::string& directory, const std::function<void(const std::filesystem::path&)>& look) {
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator file(directory, error), end; !error && file != end;
       file.increment(error)) {
    std::error_code ignored;
    if (file->is_regular_file(ignored)) look(file->path());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<ScratchDirectory>> MakeStoreDirectory(const std::string& parent) {
  struct statfs facts {};
  if (statfs(parent.c_str(), &facts) == 0 && (facts.f_type == TMPFS_MAGIC || facts.f_type == RAMFS_MAGIC)) {
    return absl::InvalidArgumentError(
        absl::StrCat(parent, " lies in memory, where nothing is durable: give a directory on a disk by --store_parent"));
  }
  auto directory = std::make_unique<ScratchDirectory>(parent);
  if (directory->path().empty()) return absl::UnavailableError(absl::StrCat("cannot make a directory in ", parent));
  return directory;
}

void DropCachedFiles(const std::string& directory) {
  ForEachFile(directory, [](const std::filesystem::path& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    fdatasync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
  });
}

int64_t BytesBelow(const std::string& directory) {
  int64_t sum = 0;
  ForEachFile(directory, [&](const std::filesystem::path& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (!error) sum += static_cast<int64_t>(size);
  });
  return sum;
}

}  // namespace milepost::bench
