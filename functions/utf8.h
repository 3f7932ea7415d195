// UTF-8 by code points. Malformed bytes count as one code point each and are passed on as they are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

bool IsAscii(std::string_view s);
size_t CountCodePoints(std::string_view s);
// The byte offset of code point `n`; s.size() when there are no more than n.
size_t OffsetOfCodePoint(std::string_view s, size_t n);

struct CodePoint {
  char32_t value;
  uint32_t length;  // Bytes.
};
// The code point at the start. REQUIRES: not empty.
CodePoint FirstCodePoint(std::string_view s);
void AppendCodePoint(char32_t c, std::string* out);

// The simple case mappings of Latin, Greek, Cyrillic and Armenian letters.
char32_t ToUpper(char32_t c);
char32_t ToLower(char32_t c);

}  // namespace millrace
