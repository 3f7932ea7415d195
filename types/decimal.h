// Arithmetic on DECIMAL: 128-bit unscaled values whose scale is their type's.
//
// A function that gives nothing found that the exact result, rounded half up (away from zero) to
// the result's scale, has more digits than the result's precision.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "types/type.h"

namespace millrace {

inline constexpr uint8_t kMaxDecimalPrecision = 38;

// REQUIRES: 0 <= exponent <= 38.
int128_t PowerOfTen(int exponent);
// Whether the value has at most `precision` digits.
bool FitsDecimal(int128_t unscaled, uint8_t precision);

// The result types of operators by Flink's rules. Integers count as DECIMALs of their width; at
// least one of the two is a DECIMAL. Nullable if one of them is.
Type DecimalAddType(const Type& a, const Type& b);  // And subtraction.
Type DecimalMultiplyType(const Type& a, const Type& b);
Type DecimalDivideType(const Type& a, const Type& b);
Type DecimalModType(const Type& a, const Type& b);
Type DecimalRoundType(const Type& type, int digits);
Type DecimalSumType(const Type& type);
Type DecimalAvgType(const Type& type);

std::optional<Decimal> RescaleDecimal(Decimal value, uint8_t scale, const Type& to);
std::optional<Decimal> AddDecimals(Decimal a, uint8_t a_scale, Decimal b, uint8_t b_scale,
                                   const Type& to);
std::optional<Decimal> SubtractDecimals(Decimal a, uint8_t a_scale, Decimal b, uint8_t b_scale,
                                        const Type& to);
std::optional<Decimal> MultiplyDecimals(Decimal a, uint8_t a_scale, Decimal b, uint8_t b_scale,
                                        const Type& to);
// REQUIRES for division and remainder: b is not 0. The remainder has the sign of `a`.
std::optional<Decimal> DivideDecimals(Decimal a, uint8_t a_scale, Decimal b, uint8_t b_scale,
                                      const Type& to);
std::optional<Decimal> ModDecimals(Decimal a, uint8_t a_scale, Decimal b, uint8_t b_scale,
                                   const Type& to);
// Rounds to `digits` behind the point; in front of it if negative.
std::optional<Decimal> RoundDecimal(Decimal value, uint8_t scale, int digits, const Type& to);

std::strong_ordering CompareDecimals(Decimal a, uint8_t a_scale, Decimal b, uint8_t b_scale);

// [+-]digits[.digits][(e|E)[+-]digits], blanks around it allowed; nothing also if it is malformed.
std::optional<Decimal> ParseDecimal(std::string_view text, const Type& to);
void AppendDecimal(Decimal value, uint8_t scale, std::string* out);

// The nearest double.
double DecimalToDouble(Decimal value, uint8_t scale);
// By the shortest decimal text that means this double, so that 0.1 becomes 0.1.
std::optional<Decimal> DecimalFromDouble(double value, const Type& to);
std::optional<Decimal> DecimalFromFloat(float value, const Type& to);
// The integer towards zero.
std::optional<int64_t> DecimalToInteger(Decimal value, uint8_t scale);

}  // namespace millrace
