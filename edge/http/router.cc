#include "edge/http/router.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "edge/http/content_type.h"
#include "proto/contract/resource.h"

namespace milepost::edge::http {
namespace {

// Methods that a route could have: on a path they are 405 and not 501.
constexpr std::array<absl::string_view, 7> kKnownMethods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

std::vector<absl::string_view> Split(absl::string_view path) { return absl::StrSplit(path, '/'); }

Response WithAllow(Response response, std::string allow) {
  response.headers.emplace_back("Allow", std::move(allow));
  return response;
}

// What is not JSON is not taken: a form on another site can post text, but not this, without asking first.
bool HasForeignBody(const Request& request) {
  if (request.method != "POST") return false;
  const std::optional<std::string> type = request.Header("Content-Type");
  if (!type && request.body.empty()) return false;
  if (ParseContentType(type.value_or("")) == BodyType::kOther) return true;
  return !absl::EqualsIgnoreCase(request.Header("Content-Encoding").value_or("identity"), "identity");
}

}  // namespace

void Router::Add(absl::string_view method, absl::string_view pattern, Handler handler) {
  assert(method == "GET" || method == "POST");
  Route route{.method = std::string(method), .handler = std::move(handler)};
  for (absl::string_view text : Split(pattern)) {
    Segment segment{.text = std::string(text)};
    if (absl::StartsWith(text, "{")) {
      const size_t close = text.find('}');
      assert(close != absl::string_view::npos);
      segment.param = true;
      segment.text = std::string(absl::StripPrefix(text.substr(close + 1), ":"));
      ++route.rank;
    }
    route.segments.push_back(std::move(segment));
  }
  const auto after = std::upper_bound(routes_.begin(), routes_.end(), route.rank,
                                      [](int rank, const Route& other) { return rank < other.rank; });
  routes_.insert(after, std::move(route));
}

bool Router::Matches(const Route& route, const std::vector<absl::string_view>& path, std::vector<std::string>* params) {
  if (route.segments.size() != path.size()) return false;
  params->clear();
  for (size_t i = 0; i < path.size(); ++i) {
    const Segment& segment = route.segments[i];
    absl::string_view text = path[i];
    if (!segment.param) {
      if (text != segment.text) return false;
      continue;
    }
    const bool has_verb = std::count(text.begin(), text.end(), ':') > 1;
    if (has_verb == segment.text.empty()) return false;
    if (has_verb && !(absl::ConsumeSuffix(&text, segment.text) && absl::ConsumeSuffix(&text, ":"))) return false;
    if (text.empty()) return false;
    params->emplace_back(text);
  }
  return true;
}

std::string Router::Allow(const std::vector<absl::string_view>& path) const {
  std::set<absl::string_view> methods;
  std::vector<std::string> params;
  for (const Route& route : routes_) {
    if (!Matches(route, path, &params)) continue;
    methods.insert(route.method);
    if (route.method == "GET") methods.insert("HEAD");
  }
  if (!methods.empty()) methods.insert("OPTIONS");
  return absl::StrJoin(methods, ", ");
}

void Router::Handle(Request request, Responder responder) const {
  const absl::string_view method = request.method == "HEAD" ? absl::string_view("GET") : request.method;
  if (std::find(kKnownMethods.begin(), kKnownMethods.end(), method) == kKnownMethods.end()) {
    return responder.Respond(Problem(
        501, ReasonPhrase(501), absl::StrCat("method ", contract::Quoted(method), " is not supported: use GET or POST")));
  }
  if (request.path == "*") return responder.Respond({204, {{"Allow", "GET, HEAD, OPTIONS, POST"}}, ""});

  const std::vector<absl::string_view> path = Split(request.path);
  for (const Route& route : routes_) {
    if (route.method != method || !Matches(route, path, &request.params)) continue;
    if (HasForeignBody(request)) return responder.Respond(UnsupportedMediaType(request.Header("Content-Type").value_or("")));
    return route.handler(std::move(request), std::move(responder));
  }
  const std::string allow = Allow(path);
  if (allow.empty()) {
    return responder.Respond(
        Problem(404, ReasonPhrase(404), absl::StrCat("path ", contract::Quoted(request.path), " is unknown")));
  }
  if (method == "OPTIONS") {
    Response response{204, {{"Allow", allow}}, ""};
    if (responder.preflight()) {
      for (auto& field : Cors::PreflightFields(allow)) response.headers.push_back(std::move(field));
    }
    return responder.Respond(std::move(response));
  }
  responder.Respond(WithAllow(
      Problem(405, ReasonPhrase(405), absl::StrCat("method ", method, " is not possible here: use ", allow)), allow));
}

}  // namespace milepost::edge::http
