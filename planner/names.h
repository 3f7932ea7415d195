// How names are compared: exactly, or without the case of ASCII letters.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace millrace {

constexpr char LowerChar(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

inline std::string Lower(std::string_view s) {
  std::string out(s);
  std::ranges::transform(out, out.begin(), LowerChar);
  return out;
}

inline bool SameWithoutCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, LowerChar, LowerChar);
}

inline bool SameName(std::string_view a, std::string_view b, bool exact) {
  return exact ? a == b : SameWithoutCase(a, b);
}

}  // namespace millrace
