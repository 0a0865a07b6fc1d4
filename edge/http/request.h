// One HTTP request, complete with its body.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace milepost::edge::http {

// A value; whoever has it owns it.
struct Request {
  std::string method;  // "GET", "HEAD", "POST", … as sent
  std::string target;  // as sent
  // The path of the target, percent-decoded once. Escapes that would change its shape ("%2F", control
  // characters) were refused, so what stands between two slashes is one segment as the client meant it.
  std::string path;
  std::string query;  // after the first '?', still encoded; without the '?'
  std::string body;   // never more than Limits::body_bytes
  // As sent, without white space around the values; fields of a trailer are left out.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string remote;                // "ip:port" of the peer
  bool http10 = false;               // HTTP/1.0: its answer cannot be chunked, so it can get no stream
  std::vector<std::string> params;   // filled by the router: the {…} parts of the route, decoded

  // The value of a header field, whose name is compared without regard to case; the first, if there are
  // several; nothing if there is none.
  std::optional<std::string> Header(absl::string_view name) const;
};

}  // namespace milepost::edge::http
