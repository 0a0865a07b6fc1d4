#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "edge/feed/source.h"

namespace milepost::edge::feed {

std::string ReadSpec::Key() const {
  return absl::StrCat(after, "\n", through, "\n", at_least, "\n", limit, "\n", last, "\n", snapshot, "\n",
                      absl::StrJoin(types, ","), "\n", absl::StrJoin(resources, ","));
}

}  // namespace milepost::edge::feed
