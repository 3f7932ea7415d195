#include "types/decimal.h"

#include <algorithm>
#include <array>
#include <boost/multiprecision/cpp_int.hpp>
#include <cassert>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/hash.h"

namespace millrace {
namespace {

// Holds every intermediate result: 38 digits times 10^76.
using Wide = boost::multiprecision::int512_t;

constexpr std::array<int128_t, kMaxDecimalPrecision + 1> kPowers = [] {
  std::array<int128_t, kMaxDecimalPrecision + 1> powers{};
  int128_t power = 1;
  for (int128_t& entry : powers) {
    entry = power;
    if (&entry != &powers.back()) power *= 10;
  }
  return powers;
}();

std::optional<Decimal> Checked(int128_t unscaled, const Type& to) {
  if (!FitsDecimal(unscaled, to.precision)) return std::nullopt;
  return Decimal{unscaled};
}

std::optional<Decimal> Checked(const Wide& unscaled, const Type& to) {
  const Wide limit = kPowers[to.precision];
  if (unscaled >= limit || unscaled <= -limit) return std::nullopt;
  return Decimal{static_cast<int128_t>(unscaled)};
}

// Rounded half up. REQUIRES: divisor > 0.
template <class T>
T DivideRounded(const T& dividend, const T& divisor) {
  const T quotient = dividend / divisor;
  const T remainder = dividend % divisor;
  const T magnitude = remainder < 0 ? T(-remainder) : remainder;
  if (magnitude < divisor - magnitude) return quotient;
  return dividend < 0 ? T(quotient - 1) : T(quotient + 1);
}

Wide WidePower(int exponent) {
  Wide power = kPowers[std::min<int>(exponent, kMaxDecimalPrecision)];
  for (int left = exponent - kMaxDecimalPrecision; left > 0; left -= kMaxDecimalPrecision) {
    power *= kPowers[std::min<int>(left, kMaxDecimalPrecision)];
  }
  return power;
}

Wide Rescaled(const Wide& value, int from_scale, int to_scale) {
  if (from_scale <= to_scale) return value * WidePower(to_scale - from_scale);
  return DivideRounded<Wide>(value, WidePower(from_scale - to_scale));
}

// Exact, or false when 128 bits are not enough.
bool ScaleUp(int128_t value, int digits, int128_t* out) {
  return digits <= kMaxDecimalPrecision && !__builtin_mul_overflow(value, kPowers[digits], out);
}

std::optional<Decimal> Sum(int128_t a, uint8_t a_scale, int128_t b, uint8_t b_scale,
                           const Type& to) {
  const int scale = std::max(a_scale, b_scale);
  int128_t left, right, sum;
  if (ScaleUp(a, scale - a_scale, &left) && ScaleUp(b, scale - b_scale, &right) &&
      !__builtin_add_overflow(left, right, &sum)) {
    return RescaleDecimal({sum}, static_cast<uint8_t>(scale), to);
  }
  const Wide wide = Rescaled(a, a_scale, scale) + Rescaled(b, b_scale, scale);
  return Checked(Rescaled(wide, scale, to.scale), to);
}

Type Adjusted(int precision, int scale, bool nullable) {
  if (precision > kMaxDecimalPrecision) {
    // Digits in front of the point matter more, but six behind it stay.
    scale = std::max(kMaxDecimalPrecision - (precision - scale), std::min(scale, 6));
    precision = kMaxDecimalPrecision;
  }
  return Type::MakeDecimal(static_cast<uint8_t>(precision), static_cast<uint8_t>(scale))
      .AsNullable(nullable);
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A number's text in parts.
struct DecimalText {
  bool negative = false;
  std::string_view digits;    // In front of the point.
  std::string_view fraction;  // Behind it.
  int exponent = 0;
};

std::string_view TakeDigits(std::string_view* text) {
  size_t count = 0;
  while (count < text->size() && IsDigit((*text)[count])) ++count;
  const std::string_view digits = text->substr(0, count);
  text->remove_prefix(count);
  return digits;
}

bool TakeExponent(std::string_view* text, int* exponent) {
  if (text->empty() || (text->front() | 0x20) != 'e') return true;
  text->remove_prefix(1);
  if (!text->empty() && text->front() == '+') {
    text->remove_prefix(1);
    if (text->empty() || !IsDigit(text->front())) return false;
  }
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *exponent);
  if (error != std::errc() || std::abs(*exponent) > 10'000) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

bool Split(std::string_view text, DecimalText* parts) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    parts->negative = text.front() == '-';
    text.remove_prefix(1);
  }
  parts->digits = TakeDigits(&text);
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    parts->fraction = TakeDigits(&text);
  }
  if (parts->digits.empty() && parts->fraction.empty()) return false;
  return TakeExponent(&text, &parts->exponent) && text.empty();
}

}  // namespace

int128_t PowerOfTen(int exponent) {
  assert(exponent >= 0 && exponent <= kMaxDecimalPrecision);
  return kPowers[static_cast<size_t>(exponent)];
}

bool FitsDecimal(int128_t unscaled, uint8_t precision) {
  const int128_t limit = kPowers[precision];
  return unscaled < limit && unscaled > -limit;
}

Type DecimalAddType(const Type& a, const Type& b) {
  const int scale = std::max(a.scale, b.scale);
  const int integer_digits = std::max(PrecisionOf(a) - a.scale, PrecisionOf(b) - b.scale);
  return Adjusted(integer_digits + scale + 1, scale, a.nullable || b.nullable);
}

Type DecimalMultiplyType(const Type& a, const Type& b) {
  return Adjusted(PrecisionOf(a) + PrecisionOf(b) + 1, a.scale + b.scale, a.nullable || b.nullable);
}

Type DecimalDivideType(const Type& a, const Type& b) {
  const int scale = std::max(6, a.scale + PrecisionOf(b) + 1);
  return Adjusted(PrecisionOf(a) - a.scale + b.scale + scale, scale, a.nullable || b.nullable);
}

Type DecimalModType(const Type& a, const Type& b) {
  const bool nullable = a.nullable || b.nullable;
  if (a.scale == 0 && b.scale == 0) return b.AsNullable(nullable);
  const int scale = std::max(a.scale, b.scale);
  const int integer_digits = std::min(PrecisionOf(a) - a.scale, PrecisionOf(b) - b.scale);
  return Adjusted(integer_digits + scale, scale, nullable);
}

Type DecimalRoundType(const Type& type, int digits) {
  if (digits >= type.scale) return type;
  const int kept = std::max(digits, 0);
  const int precision = 1 + type.precision - type.scale + kept;  // Rounding may carry.
  return Adjusted(std::min<int>(precision, kMaxDecimalPrecision), kept, type.nullable);
}

Type DecimalSumType(const Type& type) {
  return Type::MakeDecimal(kMaxDecimalPrecision, type.scale).AsNullable(type.nullable);
}

Type DecimalAvgType(const Type& type) {
  return Type::MakeDecimal(kMaxDecimalPrecision, std::max<uint8_t>(6, type.scale))
      .AsNullable(type.nullable);
}

std::optional<Decimal> RescaleDecimal(Decimal value, uint8_t scale, const Type& to) {
  int128_t rescaled = value.unscaled;
  if (scale > to.scale) {
    rescaled = DivideRounded(value.unscaled, PowerOfTen(scale - to.scale));
  } else if (scale < to.scale && !ScaleUp(value.unscaled, to.scale - scale, &rescaled)) {
    return std::nullopt;
  }
  return Checked(rescaled, to);
}

std::optional<Decimal> AddDecimals(Decimal a, uint8_t a_scale, Decimal b, uint8_t b_scale,
                                   const Type& to) {
  return Sum(a.unscaled, a_scale, b.unscaled, b_scale, to);
}

std::optional<Decimal> SubtractDecimals(Decimal a, uint8_t a_scale, Decimal b, uint8_t b_scale,
                                        const Type& to) {
  return Sum(a.unscaled, a_scale, -b.unscaled, b_scale, to);
}

std::optional<Decimal> MultiplyDecimals(Decimal a, uint8_t a_scale, Decimal b, uint8_t b_scale,
                                        const Type& to) {
  const int scale = a_scale + b_scale;
  int128_t product;
  if (scale == to.scale && !__builtin_mul_overflow(a.unscaled, b.unscaled, &product)) {
    return Checked(product, to);
  }
  return Checked(Rescaled(Wide(a.unscaled) * b.unscaled, scale, to.scale), to);
}

std::optional<Decimal> DivideDecimals(Decimal a, uint8_t a_scale, Decimal b, uint8_t b_scale,
                                      const Type& to) {
  assert(b.unscaled != 0);
  // (a / 10^as) / (b / 10^bs) * 10^rs
  const int digits = to.scale - a_scale + b_scale;
  const int128_t sign = b.unscaled < 0 ? -1 : 1;
  int128_t dividend = a.unscaled * sign;
  const int128_t divisor = b.unscaled * sign;
  if (digits >= 0 && ScaleUp(dividend, digits, &dividend)) {
    return Checked(DivideRounded(dividend, divisor), to);
  }
  const Wide wide_dividend = Wide(a.unscaled * sign) * WidePower(std::max(digits, 0));
  const Wide wide_divisor = Wide(divisor) * WidePower(std::max(-digits, 0));
  return Checked(DivideRounded(wide_dividend, wide_divisor), to);
}

std::optional<Decimal> ModDecimals(Decimal a, uint8_t a_scale, Decimal b, uint8_t b_scale,
                                   const Type& to) {
  assert(b.unscaled != 0);
  const int scale = std::max(a_scale, b_scale);
  const Wide remainder =
      Rescaled(a.unscaled, a_scale, scale) % Rescaled(b.unscaled, b_scale, scale);
  return Checked(Rescaled(remainder, scale, to.scale), to);
}

std::optional<Decimal> RoundDecimal(Decimal value, uint8_t scale, int digits, const Type& to) {
  if (digits >= scale) return RescaleDecimal(value, scale, to);
  if (scale - digits > kMaxDecimalPrecision) return Decimal{0};
  const int128_t unit = PowerOfTen(scale - digits);
  const Wide rounded = Wide(DivideRounded(value.unscaled, unit)) * unit;
  return Checked(Rescaled(rounded, scale, to.scale), to);
}

std::strong_ordering CompareDecimals(Decimal a, uint8_t a_scale, Decimal b, uint8_t b_scale) {
  const int scale = std::max(a_scale, b_scale);
  int128_t left, right;
  if (ScaleUp(a.unscaled, scale - a_scale, &left) && ScaleUp(b.unscaled, scale - b_scale, &right)) {
    return left <=> right;
  }
  const int order =
      Rescaled(a.unscaled, a_scale, scale).compare(Rescaled(b.unscaled, b_scale, scale));
  return order <=> 0;
}

std::optional<Decimal> ParseDecimal(std::string_view text, const Type& to) {
  DecimalText parts;
  if (!Split(text, &parts)) return std::nullopt;
  // The digits that stand in front of the result's last one; the next decides the rounding.
  const int count = static_cast<int>(parts.digits.size()) + parts.exponent + to.scale;
  int128_t unscaled = 0;
  const auto digit_at = [&](int i) {
    const int whole = static_cast<int>(parts.digits.size());
    if (i < whole) return parts.digits[static_cast<size_t>(i)] - '0';
    const auto behind = static_cast<size_t>(i - whole);
    return behind < parts.fraction.size() ? parts.fraction[behind] - '0' : 0;
  };
  for (int i = 0; i < count; ++i) {
    if (unscaled >= kPowers[kMaxDecimalPrecision - 1]) return std::nullopt;
    unscaled = unscaled * 10 + digit_at(i);
  }
  if (count >= 0 && digit_at(count) >= 5) ++unscaled;
  return Checked(parts.negative ? -unscaled : unscaled, to);
}

void AppendDecimal(Decimal value, uint8_t scale, std::string* out) {
  char text[48];
  char* const end = text + sizeof text;
  char* next = end;
  const bool negative = value.unscaled < 0;
  auto left =
      negative ? -static_cast<uint128_t>(value.unscaled) : static_cast<uint128_t>(value.unscaled);
  int digits = 0;
  for (; left > 0 || digits <= scale; ++digits) {
    if (digits == scale && scale > 0) *--next = '.';
    if (left <= std::numeric_limits<uint64_t>::max()) {
      *--next = static_cast<char>('0' + static_cast<uint64_t>(left) % 10);
      left = static_cast<uint64_t>(left) / 10;
    } else {
      *--next = static_cast<char>('0' + static_cast<int>(left % 10));
      left /= 10;
    }
  }
  if (negative) *--next = '-';
  out->append(next, end);
}

double DecimalToDouble(Decimal value, uint8_t scale) {
  // Both are exact, so that the division rounds once.
  constexpr int128_t kExact = int128_t{1} << 53;
  constexpr uint8_t kExactPower = 22;
  if (value.unscaled < kExact && value.unscaled > -kExact && scale <= kExactPower) {
    return static_cast<double>(value.unscaled) / static_cast<double>(kPowers[scale]);
  }
  std::string text;
  AppendDecimal(value, scale, &text);
  double result = 0;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

std::optional<Decimal> DecimalFromDouble(double value, const Type& to) {
  if (!std::isfinite(value)) return std::nullopt;
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return ParseDecimal({text, end}, to);
}

std::optional<Decimal> DecimalFromFloat(float value, const Type& to) {
  if (!std::isfinite(value)) return std::nullopt;
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return ParseDecimal({text, end}, to);
}

std::optional<int64_t> DecimalToInteger(Decimal value, uint8_t scale) {
  const int128_t integer = value.unscaled / kPowers[scale];
  if (integer < std::numeric_limits<int64_t>::min() ||
      integer > std::numeric_limits<int64_t>::max()) {
    return std::nullopt;
  }
  return static_cast<int64_t>(integer);
}

}  // namespace millrace
