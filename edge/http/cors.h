// Which pages of other origins may read what the edge answers (Fetch standard, "CORS protocol").
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace milepost::edge::http {

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

// Immutable; safe from any thread. Without origins no page but the edge's own may read anything. Cookies are never allowed:
// the edge knows none.
class Cors {
 public:
  Cors() = default;
  // `origins`: as browsers send them, with commas ("https://app.example,http://localhost:3000"), or "*" for all, or empty.
  // INVALID_ARGUMENT names the item that is no origin: a scheme, "://", a host and perhaps a port, in lower case, and no path.
  static absl::StatusOr<Cors> Parse(absl::string_view origins);

  // What Access-Control-Allow-Origin is for a request with this Origin; empty: nothing is allowed. `origin` is empty if the
  // request had none.
  std::string Allow(absl::string_view origin) const;

  // What goes with every answer. `allowed` is what Allow said.
  HeaderFields Fields(absl::string_view allowed) const;
  // What goes with the answer to a preflight that is allowed, besides; `methods` is the value of Allow.
  static HeaderFields PreflightFields(absl::string_view methods);

 private:
  bool all_ = false;
  absl::flat_hash_set<std::string> origins_;
};

}  // namespace milepost::edge::http
