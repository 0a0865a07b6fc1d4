// Randomness for ids and jitter. Safe from any thread.
#pragma once

#include <string>

namespace milepost::client {

// 128 random bits as 32 hexadecimal digits.
std::string RandomId();

// From 0 to 1.
double RandomFraction();

}  // namespace milepost::client
