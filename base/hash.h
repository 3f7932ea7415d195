// The hash of encoded keys. It is part of the data directory's format: it decides a key's vnode.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace {

__extension__ using uint128_t = unsigned __int128;

// Multiplies to 128 bits and folds, as in wyhash.
inline uint64_t Mix(uint64_t a, uint64_t b) {
  const uint128_t m = static_cast<uint128_t>(a ^ 0x9E3779B97F4A7C15u) * (b ^ 0xE7037ED1A0B428DBu);
  return static_cast<uint64_t>(m) ^ static_cast<uint64_t>(m >> 64);
}

inline uint64_t HashBytes(std::string_view s) {
  uint64_t hash = s.size(), word;
  for (; s.size() >= 8; s.remove_prefix(8)) {
    std::memcpy(&word, s.data(), 8);
    hash = Mix(hash, word);
  }
  if (s.empty()) return hash;
  word = 0;
  std::memcpy(&word, s.data(), s.size());
  return Mix(hash, word);
}

// Keys are spread over 256 vnodes, vnodes over the partitions in contiguous ranges, so that the
// number of partitions can change on a restart.
inline constexpr int kVnodeBits = 8;
inline constexpr uint32_t kVnodes = 1u << kVnodeBits;

constexpr uint32_t VnodeOf(uint64_t hash) {
  return static_cast<uint32_t>(hash >> (64 - kVnodeBits));
}
constexpr size_t OwnerOf(uint32_t vnode, size_t partitions) {
  return vnode * partitions >> kVnodeBits;
}
constexpr size_t PartitionOf(uint64_t hash, size_t partitions) {
  return OwnerOf(VnodeOf(hash), partitions);
}

}  // namespace millrace
