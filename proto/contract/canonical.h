// Messages as bytes that can be compared and hashed.
#pragma once

#include <string>

#include "google/protobuf/message.h"

namespace milepost::contract {

// `message` serialized so that equal messages give equal bytes, whatever order a map has in memory. Equal across processes of
// one build only: another version of protobuf may choose another order. Pure; safe from any thread.
std::string Canonical(const google::protobuf::Message& message);

}  // namespace milepost::contract
