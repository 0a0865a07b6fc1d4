#include "edge/http/asset_handler.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "edge/http/etag.h"
#include "edge/web/assets.h"
#include "proto/contract/resource.h"

namespace milepost::edge::http {
namespace {

void Serve(const Request& request, Responder responder) {
  const web::Asset* asset = web::FindAsset(request.path);
  if (asset == nullptr) {
    responder.Respond(Problem(404, "Not found", absl::StrCat("path: there is nothing at ", contract::Quoted(request.path))));
    return;
  }
  Response response;
  response.headers = {{"Content-Type", std::string(asset->content_type)},
                      {"ETag", std::string(asset->etag)},
                      {"Cache-Control", "no-cache"},
                      {"Content-Security-Policy", std::string(web::kContentSecurityPolicy)},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"}};
  if (HasCurrent(request, asset->etag)) {
    response.status = 304;
  } else {
    response.body = std::string(asset->bytes);
  }
  responder.Respond(std::move(response));
}

}  // namespace

void AddAssetRoutes(Router& router) {
  const auto serve = [](Request request, Responder responder) { Serve(request, std::move(responder)); };
  router.Add("GET", "/", serve);
  router.Add("GET", "/{file}", serve);
  router.Add("GET", "/milepost/{file}", serve);
  router.Add("GET", "/clients/web/{file}", serve);
  router.Add("GET", "/clients/web/{folder}/{file}", serve);
}

}  // namespace milepost::edge::http
