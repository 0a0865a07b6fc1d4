#include "edge/http/head_check.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "edge/sse/query.h"
#include "proto/contract/resource.h"

namespace milepost::edge::http {
namespace {

Response Refusal(unsigned status, absl::string_view detail) { return Problem(status, ReasonPhrase(status), detail); }

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c); });
}

bool IsHostChar(char c) {
  return absl::ascii_isalnum(c) || absl::string_view("-._~%!$&'()*+,;=:[]").find(c) != absl::string_view::npos;
}

// How often a field stands in the request, and its last value.
struct Field {
  int count = 0;
  absl::string_view value;
};

Field Find(const Request& request, absl::string_view name) {
  Field field;
  for (const auto& [key, value] : request.headers) {
    if (!absl::EqualsIgnoreCase(key, name)) continue;
    ++field.count;
    field.value = value;
  }
  return field;
}

std::optional<Response> RefuseHost(const Request& request) {
  const Field host = Find(request, "Host");
  if (host.count == 0) {
    if (request.http10) return std::nullopt;
    return Refusal(400, "Host: it is missing: HTTP/1.1 wants exactly one");
  }
  if (host.count > 1) return Refusal(400, "Host: given more than once: send it once");
  if (host.value.empty() || !std::all_of(host.value.begin(), host.value.end(), IsHostChar)) {
    return Refusal(400, absl::StrCat("Host: ", contract::Quoted(host.value), " is no host name"));
  }
  return std::nullopt;
}

std::optional<Response> RefuseFraming(const Request& request) {
  const Field length = Find(request, "Content-Length");
  const Field coding = Find(request, "Transfer-Encoding");
  if (length.count > 1) return Refusal(400, "Content-Length: given more than once: send it once");
  if (length.count == 1 && !IsNumber(length.value)) {  // Beast takes lists: "2, 2"
    return Refusal(400, absl::StrCat("Content-Length: ", contract::Quoted(length.value), " is no number: send one"));
  }
  if (coding.count == 0) return std::nullopt;
  if (request.http10) return Refusal(400, "Transfer-Encoding: HTTP/1.0 has none: send Content-Length");
  if (length.count > 0) return Refusal(400, "Transfer-Encoding: not allowed beside Content-Length: send one of them");
  if (coding.count > 1) return Refusal(400, "Transfer-Encoding: given more than once: send it once");
  if (!absl::EqualsIgnoreCase(coding.value, "chunked")) {
    return Refusal(501, absl::StrCat("Transfer-Encoding: ", contract::Quoted(coding.value),
                                     " is not supported: send chunked, or Content-Length"));
  }
  return std::nullopt;
}

// The path and query of an absolute target ("http://host/path"), which a client of a proxy sends.
absl::string_view StripOrigin(absl::string_view target) {
  for (absl::string_view scheme : {"http://", "https://"}) {
    if (!absl::StartsWithIgnoreCase(target, scheme)) continue;
    const size_t end = target.find_first_of("/?", scheme.size());
    return end == absl::string_view::npos ? absl::string_view("/") : target.substr(end);
  }
  return target;
}

}  // namespace

std::optional<Response> RefuseHeadBytes(absl::string_view head, size_t max_headers) {
  size_t lines = 0;
  for (size_t at = 0; at < head.size();) {
    const size_t end = head.find("\r\n", at);
    const absl::string_view line = head.substr(at, end - at);
    if (line.empty()) break;
    if (line[0] == ' ' || line[0] == '\t') {
      return Refusal(400, "header: a line begins with white space: write each field on one line");
    }
    for (char c : line) {
      if (IsControl(c) && c != '\t') return Refusal(400, "header: it holds a control character: send text only");
    }
    if (lines++ == 0 && line.find('\t') != absl::string_view::npos) {
      return Refusal(400, "request line: it holds a tab: write single spaces");
    }
    at = end + 2;
  }
  if (lines > max_headers + 1) {
    return Refusal(431, absl::StrCat("header: more than ", max_headers, " fields: send fewer"));
  }
  return std::nullopt;
}

Response RefuseVersion(absl::string_view head) {
  const std::vector<absl::string_view> words = absl::StrSplit(head.substr(0, head.find('\r')), ' ');
  // HTTP/0.9 to HTTP/9.9: understood, and not spoken. Anything else is no request line at all.
  const bool is_version = words.size() == 3 && words[2].size() == 8 && absl::StartsWith(words[2], "HTTP/") &&
                          absl::ascii_isdigit(words[2][5]) && words[2][6] == '.' && absl::ascii_isdigit(words[2][7]);
  if (is_version) return Refusal(505, "request line: this version of HTTP is not spoken here: use HTTP/1.1");
  return Refusal(400, "request line: it must be a method, a target and HTTP/1.1, with one space between them");
}

std::optional<Response> RefuseFields(const Request& request) {
  if (auto refusal = RefuseHost(request)) return refusal;
  if (auto refusal = RefuseFraming(request)) return refusal;
  const Field expect = Find(request, "Expect");
  if (expect.count > 0 && !request.http10 && !absl::EqualsIgnoreCase(expect.value, "100-continue")) {
    return Refusal(417, absl::StrCat("Expect: ", contract::Quoted(expect.value), " is not supported: leave it out"));
  }
  return std::nullopt;
}

std::optional<Response> SplitTarget(Request* request) {
  if (request->method == "CONNECT") return Refusal(501, "CONNECT: this is no proxy");
  const bool plain = std::all_of(request->target.begin(), request->target.end(),
                                 [](char c) { return absl::ascii_isgraph(c) && c != '#'; });
  if (!plain) return Refusal(400, "request target: only printable ASCII but no '#' may stand there: percent-encode it");
  absl::string_view target = StripOrigin(request->target);
  const size_t question = target.find('?');
  if (question != absl::string_view::npos) request->query = std::string(target.substr(question + 1));
  absl::string_view path = target.substr(0, question);
  if (path.empty()) path = "/";  // "http://host?query"
  if (path == "*" && request->method == "OPTIONS" && question == absl::string_view::npos) {
    request->path = std::string("*");  // GCC 12 warns wrongly of an assigned literal at -O2
    return std::nullopt;
  }
  if (path[0] != '/') return Refusal(400, "request target: it must begin with '/'");
  absl::StatusOr<std::string> decoded = sse::PercentDecode(path, "path");
  if (!decoded.ok()) return Problem(decoded.status());
  if (absl::StrContains(path, "%2F") || absl::StrContains(path, "%2f")) {
    return Refusal(400, "path: it holds an encoded '/': no name here has one");
  }
  if (std::any_of(decoded->begin(), decoded->end(), IsControl)) {
    return Refusal(400, "path: it holds a control character: no name here has one");
  }
  request->path = *std::move(decoded);
  return std::nullopt;
}

}  // namespace milepost::edge::http
