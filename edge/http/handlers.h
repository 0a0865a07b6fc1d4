// The edge's routes (design: "HTTP at the edge").
#pragma once

#include <functional>

#include "edge/feed/source.h"
#include "edge/http/router.h"
#include "edge/http/streams.h"

namespace milepost::edge::http {

// What the handlers of one event loop work with. All outlive the router.
struct HandlerContext {
  Streams& streams;
  feed::FeedTable& table;
  feed::Source& source;
  feed::LoopExecutor& loop;
  // True while every loop's trunk is open and the process is not stopping. Any thread.
  std::function<bool()> ready;
};

// Adds every route of the edge but the page's files.
void AddRoutes(Router& router, HandlerContext context);

// GET /v1/poll; in a file of its own because it waits.
void HandlePoll(const HandlerContext& context, const Request& request, Responder responder);

}  // namespace milepost::edge::http
