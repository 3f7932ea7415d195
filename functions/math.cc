// Rounding, roots, logarithms, trigonometry and random numbers.

#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "functions/families.h"
#include "functions/make_scalar.h"

namespace millrace {
namespace {

template <class T>
Checked<T> AbsInteger(T a) {
  const bool overflow = a == std::numeric_limits<T>::min();
  return {overflow || a >= 0 ? a : static_cast<T>(-a), overflow ? "overflow in ABS" : nullptr};
}

template <class T>
T SignOf(T a) {
  return static_cast<T>((a > 0) - (a < 0));
}

constexpr int64_t kPowersOfTen[] = {1,
                                    10,
                                    100,
                                    1'000,
                                    10'000,
                                    100'000,
                                    1'000'000,
                                    10'000'000,
                                    100'000'000,
                                    1'000'000'000,
                                    10'000'000'000,
                                    100'000'000'000,
                                    1'000'000'000'000,
                                    10'000'000'000'000,
                                    100'000'000'000'000,
                                    1'000'000'000'000'000,
                                    10'000'000'000'000'000,
                                    100'000'000'000'000'000,
                                    1'000'000'000'000'000'000};

// Half away from zero at `digits` behind the point. A half that binary only just misses counts as
// one: ROUND(1.005, 2) is 1.01, as by Java's BigDecimal.
double RoundDouble(double a, int32_t digits) {
  if (!std::isfinite(a) || digits > 15) return a;
  if (digits < -308) return 0;
  const double scale = std::pow(10.0, std::abs(digits));
  if (digits < 0) return std::round(a / scale) * scale;
  const double scaled = a * scale;
  if (!std::isfinite(scaled)) return a;
  const double rounded = std::round(scaled);
  const double error = std::fabs(scaled - std::trunc(scaled)) - 0.5;
  const bool just_below = error < 0 && error > -std::fabs(scaled) * 4e-16;
  return (just_below ? rounded + std::copysign(1.0, a) : rounded) / scale;
}

double TruncateDouble(double a, int32_t digits) {
  if (!std::isfinite(a) || digits > 15) return a;
  if (digits < -308) return 0;
  const double scale = std::pow(10.0, std::abs(digits));
  if (digits < 0) return std::trunc(a / scale) * scale;
  const double scaled = a * scale;
  if (!std::isfinite(scaled)) return a;
  const double nearest = std::round(scaled);
  const bool whole = std::fabs(scaled - nearest) < std::fabs(scaled) * 4e-16;
  return (whole ? nearest : std::trunc(scaled)) / scale;
}

template <class T>
Checked<T> RoundInteger(T a, int32_t digits) {
  if (digits >= 0) return {a};
  if (digits < -18) return {0};
  const int64_t unit = kPowersOfTen[-digits];
  const int64_t rest = a % unit;
  int64_t rounded = a - rest;
  bool overflow = false;
  if (rest >= unit - rest) overflow = __builtin_add_overflow(rounded, unit, &rounded);
  if (-rest >= unit + rest) overflow = __builtin_sub_overflow(rounded, unit, &rounded);
  overflow |= rounded != static_cast<T>(rounded);
  return {static_cast<T>(rounded), overflow ? "overflow in ROUND" : nullptr};
}

template <class T>
T TruncateInteger(T a, int32_t digits) {
  if (digits >= 0) return a;
  return digits < -18 ? T{0} : static_cast<T>(a - a % kPowersOfTen[-digits]);
}

template <class T>
void RegisterInteger(FunctionRegistry& r) {
  r.Add("abs", [](T a) { return AbsInteger(a); });
  r.Add("sign", [](T a) { return SignOf(a); });
  r.Add("ceil", [](T a) { return a; });
  r.Add("ceiling", [](T a) { return a; });
  r.Add("floor", [](T a) { return a; });
  r.Add("round", [](T a) { return a; });
  r.Add("truncate", [](T a) { return a; });
  r.Add("round", [](T a, int32_t digits) { return RoundInteger(a, digits); });
  r.Add("truncate", [](T a, int32_t digits) { return TruncateInteger(a, digits); });
}

template <class T>
void RegisterApproximate(FunctionRegistry& r) {
  r.Add("abs", [](T a) { return std::fabs(a); });
  r.Add("sign", [](T a) { return SignOf(a); });
  r.Add("ceil", [](T a) { return std::ceil(a); });
  r.Add("ceiling", [](T a) { return std::ceil(a); });
  r.Add("floor", [](T a) { return std::floor(a); });
  r.Add("round", [](T a) { return std::round(a); });
  r.Add("truncate", [](T a) { return std::trunc(a); });
  r.Add("round", [](T a, int32_t digits) { return static_cast<T>(RoundDouble(a, digits)); });
  r.Add("truncate", [](T a, int32_t digits) { return static_cast<T>(TruncateDouble(a, digits)); });
}

void RegisterTranscendental(FunctionRegistry& r) {
  r.Add("power", [](double a, double b) { return std::pow(a, b); });
  r.Add("sqrt", [](double a) { return std::sqrt(a); });
  r.Add("exp", [](double a) { return std::exp(a); });
  r.Add("ln", [](double a) { return std::log(a); });
  r.Add("log", [](double a) { return std::log(a); });
  r.Add("log", [](double base, double a) { return std::log(a) / std::log(base); });
  r.Add("log2", [](double a) { return std::log2(a); });
  r.Add("log10", [](double a) { return std::log10(a); });
  r.Add("sin", [](double a) { return std::sin(a); });
  r.Add("cos", [](double a) { return std::cos(a); });
  r.Add("tan", [](double a) { return std::tan(a); });
  r.Add("cot", [](double a) { return 1 / std::tan(a); });
  r.Add("asin", [](double a) { return std::asin(a); });
  r.Add("acos", [](double a) { return std::acos(a); });
  r.Add("atan", [](double a) { return std::atan(a); });
  r.Add("atan2", [](double y, double x) { return std::atan2(y, x); });
  r.Add("sinh", [](double a) { return std::sinh(a); });
  r.Add("cosh", [](double a) { return std::cosh(a); });
  r.Add("tanh", [](double a) { return std::tanh(a); });
  r.Add("degrees", [](double a) { return a * (180 / std::numbers::pi); });
  r.Add("radians", [](double a) { return a * (std::numbers::pi / 180); });
  r.Add("pi", [] { return std::numbers::pi; });
  r.Add("e", [] { return std::numbers::e; });
}

std::mt19937_64& Random() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return random;
}

double UnitInterval(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

Checked<int32_t> Below(int32_t bound, uint64_t bits) {
  if (bound <= 0) return {0, "RAND_INTEGER needs a bound above 0"};
  return {static_cast<int32_t>(UnitInterval(bits) * bound)};
}

void RegisterRandom(FunctionRegistry& r) {
  constexpr Volatility kVolatile = Volatility::kVolatile;
  r.Add(
      "rand", [] { return UnitInterval(Random()()); }, kVolatile);
  r.Add(
      "rand_integer", [](int32_t bound) { return Below(bound, Random()()); }, kVolatile);
  // With a seed, every row starts its own sequence: the value is a function of the seed.
  r.Add("rand",
        [](int32_t seed) { return UnitInterval(std::mt19937_64{static_cast<uint64_t>(seed)}()); });
  r.Add("rand_integer", [](int32_t seed, int32_t bound) {
    return Below(bound, std::mt19937_64{static_cast<uint64_t>(seed)}());
  });
}

}  // namespace

void RegisterMath(FunctionRegistry& r) {
  RegisterInteger<int8_t>(r);
  RegisterInteger<int16_t>(r);
  RegisterInteger<int32_t>(r);
  RegisterInteger<int64_t>(r);
  RegisterApproximate<float>(r);
  RegisterApproximate<double>(r);
  RegisterTranscendental(r);
  RegisterRandom(r);
}

}  // namespace millrace
