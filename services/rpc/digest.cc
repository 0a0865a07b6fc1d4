#include "services/rpc/digest.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace milepost::rpc {

void Digest::AddBytes(absl::string_view bytes) {
  constexpr unsigned __int128 kPrime = (static_cast<unsigned __int128>(1) << 88) | 0x13b;
  for (const char c : bytes) state_ = (state_ ^ static_cast<uint8_t>(c)) * kPrime;
}

void Digest::Add(absl::string_view item) {
  AddBytes(absl::StrCat(item.size(), ":"));
  AddBytes(item);
}

std::string Digest::Text() const {
  return absl::StrCat(absl::Hex(static_cast<uint64_t>(state_ >> 64), absl::kZeroPad16),
                      absl::Hex(static_cast<uint64_t>(state_), absl::kZeroPad16));
}

}  // namespace milepost::rpc
