// What a request's body is, by its Content-Type. Pure.
#pragma once

#include "absl/strings/string_view.h"

namespace milepost::edge::http {

enum class BodyType {
  kJson,    // application/json
  kNdjson,  // application/x-ndjson
  kOther,   // anything else, a charset other than UTF-8, or nothing
};

// By the value of the header: names of types are compared without regard to case, parameters are allowed.
BodyType ParseContentType(absl::string_view value);

}  // namespace milepost::edge::http
