// What a join notes in KeyTable::Key::flags.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace {

inline constexpr uint8_t kKeyTouched = 1;   // By the running step.
inline constexpr uint8_t kKeyInWindow = 2;  // Among the keys of its window.
// The side had rows of the key when the step began; it has some now.
constexpr uint8_t KeyHad(size_t side) { return static_cast<uint8_t>(4u << side); }
constexpr uint8_t KeyHas(size_t side) { return static_cast<uint8_t>(16u << side); }
inline constexpr uint8_t kKeyStepFlags = kKeyTouched | 4 | 8 | 16 | 32;

}  // namespace millrace
