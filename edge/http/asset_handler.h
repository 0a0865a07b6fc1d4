// Serves the page's files.
#pragma once

#include "edge/http/router.h"

namespace milepost::edge::http {

// Adds "/" and the files beside it, with ETag and 304.
void AddAssetRoutes(Router& router);

}  // namespace milepost::edge::http
