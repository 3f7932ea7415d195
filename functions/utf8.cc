#include "functions/utf8.h"

#include <cstring>

namespace millrace {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

uint32_t LengthOf(unsigned char lead) {
  if (lead < 0xC0) return 1;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF8 ? 4 : 1;
}

// How the letters of [first, last] come in cases.
enum class Casing : uint8_t {
  kUpperRun,   // Upper-case letters whose lower-case ones are `distance` behind.
  kEvenUpper,  // Pairs: an even code is upper, the next one lower.
  kOddUpper,
};
struct CaseRange {
  char32_t first, last;
  Casing casing;
  char32_t distance;
};
constexpr CaseRange kCaseRanges[] = {
    {0x41, 0x5A, Casing::kUpperRun, 32},     {0xC0, 0xD6, Casing::kUpperRun, 32},
    {0xD8, 0xDE, Casing::kUpperRun, 32},     {0x100, 0x12F, Casing::kEvenUpper, 1},
    {0x132, 0x137, Casing::kEvenUpper, 1},   {0x139, 0x148, Casing::kOddUpper, 1},
    {0x14A, 0x177, Casing::kEvenUpper, 1},   {0x179, 0x17E, Casing::kOddUpper, 1},
    {0x386, 0x386, Casing::kUpperRun, 38},   {0x388, 0x38A, Casing::kUpperRun, 37},
    {0x38C, 0x38C, Casing::kUpperRun, 64},   {0x38E, 0x38F, Casing::kUpperRun, 63},
    {0x391, 0x3A1, Casing::kUpperRun, 32},   {0x3A3, 0x3AB, Casing::kUpperRun, 32},
    {0x400, 0x40F, Casing::kUpperRun, 80},   {0x410, 0x42F, Casing::kUpperRun, 32},
    {0x460, 0x481, Casing::kEvenUpper, 1},   {0x48A, 0x4BF, Casing::kEvenUpper, 1},
    {0x4C1, 0x4CE, Casing::kOddUpper, 1},    {0x4D0, 0x52F, Casing::kEvenUpper, 1},
    {0x531, 0x556, Casing::kUpperRun, 48},   {0x1E00, 0x1E95, Casing::kEvenUpper, 1},
    {0x1EA0, 0x1EFF, Casing::kEvenUpper, 1}, {0xFF21, 0xFF3A, Casing::kUpperRun, 32}};

bool IsUpperOfPair(const CaseRange& range, char32_t c) {
  return (c % 2 == 0) == (range.casing == Casing::kEvenUpper);
}

}  // namespace

bool IsAscii(std::string_view s) {
  uint64_t bits = 0, word;
  for (; s.size() >= 8; s.remove_prefix(8)) {
    std::memcpy(&word, s.data(), 8);
    bits |= word;
  }
  for (char c : s) bits |= static_cast<unsigned char>(c);
  return (bits & 0x8080808080808080u) == 0;
}

size_t CountCodePoints(std::string_view s) {
  size_t count = 0;
  for (char c : s) count += !IsContinuation(c);
  return count;
}

size_t OffsetOfCodePoint(std::string_view s, size_t n) {
  if (n >= s.size()) return s.size();
  size_t offset = 0;
  for (; offset < s.size(); ++offset) {
    if (!IsContinuation(s[offset]) && n-- == 0) return offset;
  }
  return offset;
}

CodePoint FirstCodePoint(std::string_view s) {
  const unsigned char lead = static_cast<unsigned char>(s[0]);
  const uint32_t length = LengthOf(lead);
  if (length == 1 || length > s.size()) return {lead, 1};
  char32_t value = lead & (0xFFu >> (length + 1));
  for (uint32_t i = 1; i < length; ++i) {
    if (!IsContinuation(s[i])) return {lead, 1};
    value = value << 6 | (static_cast<unsigned char>(s[i]) & 0x3F);
  }
  return {value, length};
}

void AppendCodePoint(char32_t c, std::string* out) {
  const auto tail = [&](int shift) {
    out->push_back(static_cast<char>(0x80 | (c >> shift & 0x3F)));
  };
  if (c < 0x80) {
    out->push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out->push_back(static_cast<char>(0xC0 | c >> 6));
    tail(0);
  } else if (c < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | c >> 12));
    tail(6);
    tail(0);
  } else {
    out->push_back(static_cast<char>(0xF0 | c >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

char32_t ToLower(char32_t c) {
  for (const CaseRange& range : kCaseRanges) {
    if (c < range.first || c > range.last) continue;
    if (range.casing == Casing::kUpperRun) return c + range.distance;
    return IsUpperOfPair(range, c) ? c + 1 : c;
  }
  return c == 0x178 ? 0xFF : c;
}

char32_t ToUpper(char32_t c) {
  for (const CaseRange& range : kCaseRanges) {
    if (range.casing == Casing::kUpperRun) {
      if (c >= range.first + range.distance && c <= range.last + range.distance) {
        return c - range.distance;
      }
    } else if (c >= range.first && c <= range.last) {
      return IsUpperOfPair(range, c) ? c : c - 1;
    }
  }
  if (c == 0xFF) return 0x178;
  return c == 0x3C2 ? 0x3A3 : c;  // The final sigma.
}

}  // namespace millrace
