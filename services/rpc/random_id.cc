#include "services/rpc/random_id.h"

#include <cstdio>
#include <random>

#include "proto/contract/cursor.h"

namespace milepost::rpc {

std::string RandomId() {
  std::random_device device;  // getrandom or the processor's source; no seed, no state
  char text[33];
  std::snprintf(text, sizeof text, "%08x%08x%08x%08x", device(), device(), device(), device());
  return text;
}

std::string RandomEpoch() {
  constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device device;
  std::uniform_int_distribution<size_t> pick(0, sizeof kAlphabet - 2);
  std::string epoch;
  while (epoch.size() < contract::kEpochBytes) epoch += kAlphabet[pick(device)];
  return epoch;
}

}  // namespace milepost::rpc
