// Serves the page's files and the client for browsers.
#pragma once

#include "edge/http/router.h"

namespace milepost::edge::http {

// Adds "/" and the files beside it, and those below "/clients/web/", with ETag and 304.
void AddAssetRoutes(Router& router);

}  // namespace milepost::edge::http
