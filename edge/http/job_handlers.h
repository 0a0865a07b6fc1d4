// Jobs without a stream: one job, lists of jobs, and requests to their workers.
#pragma once

#include "edge/feed/source.h"
#include "edge/http/router.h"

namespace milepost::edge::http {

// Adds GET /v1/jobs, GET /v1/jobs/{job} and POST /v1/jobs/{job}:cancel, :pause, :resume, :retry. `source` outlives the
// router and is called on the thread of the request's loop.
void AddJobRoutes(Router& router, feed::Source& source);

}  // namespace milepost::edge::http
