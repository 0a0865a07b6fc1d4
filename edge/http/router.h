// Which handler answers which method and path.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "edge/http/request.h"
#include "edge/http/responder.h"

namespace milepost::edge::http {

// Runs on the loop's thread; must not block.
using Handler = std::function<void(Request, Responder)>;

// Filled once, then immutable: Handle may run on any number of threads, the handlers permitting.
class Router {
 public:
  // `method` is GET or POST. `pattern` is a path; a segment may be "{name}", which stands for any text that is
  // not empty, or "{name}:verb". Names of jobs hold one ':', so what follows a second one is a verb: "{name}" does not
  // stand for such a text, and "{name}:verb" only for one whose last ':' the verb follows. A path that fits several
  // patterns goes to the one with fewer {…}.
  void Add(absl::string_view method, absl::string_view pattern, Handler handler);

  // Calls the handler with `params` filled; HEAD goes to the handler of GET. By itself it answers 404, 405
  // and OPTIONS with Allow, 501 for methods that no route could have, and 415 for a POST whose body is
  // neither JSON nor NDJSON.
  void Handle(Request request, Responder responder) const;

 private:
  struct Segment {
    bool param = false;
    std::string text;  // the literal, or the verb after {…}, or empty
  };
  struct Route {
    std::string method;
    std::vector<Segment> segments;
    int rank = 0;  // {…} of the pattern; lower goes first
    Handler handler;
  };
  static bool Matches(const Route& route, const std::vector<absl::string_view>& path, std::vector<std::string>* params);
  std::string Allow(const std::vector<absl::string_view>& path) const;

  std::vector<Route> routes_;  // by rank, then in order of Add
};

}  // namespace milepost::edge::http
