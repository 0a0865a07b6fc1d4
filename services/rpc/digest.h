// Digest of a call's events: equal events, equal digest, in every process and at any time.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace milepost::rpc {

// FNV-1a with 128 bits. It tells calls of one caller apart by accident, not against an attacker, who would only
// get back results of their own. Not thread-safe.
class Digest {
 public:
  // Adds one item; ("ab", "c") and ("a", "bc") differ.
  void Add(absl::string_view item);

  // 32 hex digits.
  std::string Text() const;

 private:
  void AddBytes(absl::string_view bytes);

  unsigned __int128 state_ = (static_cast<unsigned __int128>(0x6c62272e07bb0142) << 64) | 0x62b821756295c58d;
};

}  // namespace milepost::rpc
