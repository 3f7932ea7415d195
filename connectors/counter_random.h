// Random numbers as a pure function of (stream, n): no state, so that a generator may start at any
// row and make its columns in any order.
#pragma once

#include <cstdint>

#include "base/hash.h"

namespace millrace {

// Uniform over 64 bits. The step of wyrand, with n in place of its running state.
inline uint64_t Draw(uint64_t stream, uint64_t n) {
  const uint64_t state = stream + n * 0xA0761D6478BD642Fu;
  return Mix(state, state);
}

// The stream of a field, of its name or number.
inline uint64_t StreamOf(uint64_t seed, uint64_t field) { return Mix(Mix(seed, 1), field); }

// Scales the 32 or 64 uniform bits of `random` to [0, bound). Multiplying is cheaper than modulo;
// its bias is bound / 2^32 or bound / 2^64.
inline uint32_t Below(uint32_t random, uint32_t bound) {
  return static_cast<uint32_t>(uint64_t{random} * bound >> 32);
}
inline uint64_t Below(uint64_t random, uint64_t bound) {
  return static_cast<uint64_t>(uint128_t{random} * bound >> 64);
}

// Uniform in [0, 1).
inline double ToUnit(uint64_t random) { return static_cast<double>(random >> 11) * 0x1p-53; }

}  // namespace millrace
