#include <array>
#include <cstring>

#include "base/record_log.h"

namespace millrace {
namespace {

constexpr uint32_t kPolynomial = 0x82F63B78;  // Castagnoli's, bits reversed.

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = MakeTable();

uint32_t ExtendByTable(uint32_t crc, std::string_view bytes) {
  for (const char c : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<uint8_t>(c)) & 0xFF];
  return crc;
}

#if defined(__x86_64__)
[[gnu::target("sse4.2")]] uint32_t ExtendByInstruction(uint32_t crc, std::string_view bytes) {
  uint64_t wide = crc, word;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::memcpy(&word, bytes.data(), 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = static_cast<uint32_t>(wide);
  for (const char c : bytes) crc = __builtin_ia32_crc32qi(crc, static_cast<uint8_t>(c));
  return crc;
}

uint32_t Extend(uint32_t crc, std::string_view bytes) {
  return __builtin_cpu_supports("sse4.2") ? ExtendByInstruction(crc, bytes)
                                          : ExtendByTable(crc, bytes);
}
#else
uint32_t Extend(uint32_t crc, std::string_view bytes) { return ExtendByTable(crc, bytes); }
#endif

}  // namespace

uint32_t Crc32c(std::string_view bytes, uint32_t before) { return ~Extend(~before, bytes); }

}  // namespace millrace
