#include "edge/http/cors.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/contract/resource.h"

namespace milepost::edge::http {
namespace {

// How long a browser may remember a preflight, in seconds; none remembers longer than Chromium's two hours.
constexpr absl::string_view kMaxAge = "7200";
// Those of the client, and what an EventSource sends by itself when it comes back.
constexpr absl::string_view kRequestFields = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID";
// Beside those that every page may read.
constexpr absl::string_view kAnswerFields = "Date, ETag, Retry-After";

bool IsOrigin(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits("://", 1));
  const auto& [scheme, host] = parts;
  const auto in_host = [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || absl::StrContains("-._:[]", absl::string_view(&c, 1));
  };
  return !scheme.empty() && std::all_of(scheme.begin(), scheme.end(), [](char c) { return absl::ascii_islower(c) || c == '-'; }) &&
         !host.empty() && std::all_of(host.begin(), host.end(), in_host);
}

}  // namespace

absl::StatusOr<Cors> Cors::Parse(absl::string_view origins) {
  Cors cors;
  if (origins.empty()) return cors;
  if (origins == "*") {
    cors.all_ = true;
    return cors;
  }
  for (const absl::string_view origin : absl::StrSplit(origins, ',')) {
    if (!IsOrigin(origin)) {
      return absl::InvalidArgumentError(absl::StrCat(contract::Quoted(origin), " is no origin: write it as browsers do, for example "
                                                     "https://app.example or http://localhost:3000, or * for all"));
    }
    cors.origins_.emplace(origin);
  }
  return cors;
}

std::string Cors::Allow(absl::string_view origin) const {
  if (origin.empty()) return "";
  if (all_) return "*";
  return origins_.contains(origin) ? std::string(origin) : "";
}

HeaderFields Cors::Fields(absl::string_view allowed) const {
  HeaderFields fields;
  // A cache must not give one origin's answer to another.
  if (!origins_.empty()) fields.emplace_back("Vary", "Origin");
  if (allowed.empty()) return fields;
  fields.emplace_back("Access-Control-Allow-Origin", std::string(allowed));
  fields.emplace_back("Access-Control-Expose-Headers", std::string(kAnswerFields));
  return fields;
}

HeaderFields Cors::PreflightFields(absl::string_view methods) {
  return {{"Access-Control-Allow-Methods", std::string(methods)},
          {"Access-Control-Allow-Headers", std::string(kRequestFields)},
          {"Access-Control-Max-Age", std::string(kMaxAge)}};
}

}  // namespace milepost::edge::http
