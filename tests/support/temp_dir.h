// A directory of a test's own.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

namespace milepost::testing {

// Empty at first, and gone with all that is in it when this ends.
class TempDir {
 public:
  TempDir() : path_((std::filesystem::temp_directory_path() / "milepost-test-XXXXXX").string()) {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace milepost::testing
