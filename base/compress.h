// Moving the chosen ones of many values side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace millrace {

#ifdef __AVX512F__
namespace compress_internal {

// The lowest bits of eight bytes, side by side.
inline __mmask8 LowBits(const uint8_t* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, 8);
  return static_cast<__mmask8>(_pext_u64(word, 0x0101010101010101));
}

// As long as whole vectors may be written; the numbers of values read and written.
struct Progress {
  size_t read = 0, written = 0;
};
inline Progress CompressWords(const void* in, const uint8_t* keep, size_t kept, void* out) {
  Progress at;
  for (; at.written + 8 <= kept; at.read += 8) {
    const __mmask8 mask = LowBits(keep + at.read);
    const __m512i words = _mm512_loadu_si512(static_cast<const uint64_t*>(in) + at.read);
    _mm512_storeu_si512(static_cast<uint64_t*>(out) + at.written,
                        _mm512_maskz_compress_epi64(mask, words));
    at.written += static_cast<size_t>(__builtin_popcount(mask));
  }
  return at;
}

}  // namespace compress_internal
#endif

// Writes the in[i] with keep[i] = 1 to `out`, `kept` of them; 0 for the others.
template <class T>
void CompressTo(const T* in, const uint8_t* keep, size_t kept, T* out) {
  size_t i = 0, written = 0;
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 8) {
    // Eight more values are there to be read as long as eight are missing.
    const auto [read, done] = compress_internal::CompressWords(in, keep, kept, out);
    i = read;
    written = done;
  }
#endif
  // Without a branch that depends on the rows.
  for (; written < kept; ++i) {
    out[written] = in[i];
    written += keep[i];
  }
}

}  // namespace millrace
