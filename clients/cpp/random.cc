#include "clients/cpp/random.h"

#include <cstdint>
#include <random>

namespace milepost::client {

std::string RandomId() {
  // std::random_device reads the kernel's generator on Linux: no seed to share after a fork.
  std::random_device device;
  std::string id;
  for (int word = 0; word < 4; ++word) {
    const uint32_t bits = device();
    for (int shift = 28; shift >= 0; shift -= 4) id += "0123456789abcdef"[bits >> shift & 15];
  }
  return id;
}

double RandomFraction() {
  std::random_device device;
  return static_cast<double>(device()) / static_cast<double>(std::random_device::max());
}

}  // namespace milepost::client
