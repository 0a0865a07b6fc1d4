// The files of the dashboard, as the edge serves them.
#pragma once

#include "absl/strings/string_view.h"

namespace milepost::edge::web {

// A file that the edge serves and that is part of its binary. All members live as long as the process.
struct Asset {
  // The request path, for example "/dashboard.css".
  absl::string_view path;
  // The value of Content-Type, with its charset where that matters.
  absl::string_view content_type;
  // The body, as it lies in the source tree.
  absl::string_view bytes;
  // The value of ETag, quotes included; it changes if and only if `bytes` does.
  absl::string_view etag;
};

// The asset at exactly `path` (percent-decoded, without query), or nullptr. Any thread may call it.
const Asset* FindAsset(absl::string_view path);

// What to send as Content-Security-Policy with every asset: the page needs its own origin and nothing else,
// so that markup which slipped in by an event could neither run nor load anything.
inline constexpr absl::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace milepost::edge::web
