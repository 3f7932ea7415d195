#define BOOST_TEST_MODULE types_decimal
#include <boost/test/unit_test.hpp>
#include <random>

#include "types/decimal.h"

using namespace millrace;

namespace {

const Type kLargest = Type::MakeDecimal(38, 0);

std::string Show(const std::optional<Decimal>& value, const Type& type) {
  std::string text;
  if (value) AppendDecimal(*value, type.scale, &text);
  return value ? text : "overflow";
}

uint8_t ScaleOf(std::string_view text) {
  const size_t point = text.find('.');
  return point == text.npos ? 0 : static_cast<uint8_t>(text.size() - point - 1);
}

using Operator = std::optional<Decimal> (*)(Decimal, uint8_t, Decimal, uint8_t, const Type&);

std::string Apply(Operator op, std::string_view a, std::string_view b, uint8_t precision,
                  uint8_t scale) {
  const uint8_t a_scale = ScaleOf(a), b_scale = ScaleOf(b);
  const Type to = Type::MakeDecimal(precision, scale);
  return Show(op(*ParseDecimal(a, Type::MakeDecimal(38, a_scale)), a_scale,
                 *ParseDecimal(b, Type::MakeDecimal(38, b_scale)), b_scale, to),
              to);
}

const std::string kNines(38, '9');

}  // namespace

BOOST_AUTO_TEST_CASE(text) {
  const Type d = Type::MakeDecimal(5, 2);
  const auto parse = [&](std::string_view s) { return Show(ParseDecimal(s, d), d); };
  BOOST_TEST(parse("1.005") == "1.01");
  BOOST_TEST(parse("-1.005") == "-1.01");
  BOOST_TEST(parse("+.5") == "0.50");
  BOOST_TEST(parse("7.") == "7.00");
  BOOST_TEST(parse("12e-1") == "1.20");
  BOOST_TEST(parse("0.5E+1") == "5.00");
  BOOST_TEST(parse("5e-3") == "0.01");
  BOOST_TEST(parse("5e-30") == "0.00");
  BOOST_TEST(parse("0000000000000000000000000000000000000000001") == "1.00");
  for (const char* bad : {"", ".", "1e", "e5", "1.2.3", "1 2", "--1", "1e+-5", "x", "1000"}) {
    BOOST_TEST(parse(bad) == "overflow", bad);
  }
  BOOST_TEST(Show(ParseDecimal(kNines, kLargest), kLargest) == kNines);
  BOOST_TEST(Show(ParseDecimal("-" + kNines, kLargest), kLargest) == "-" + kNines);
  BOOST_TEST(Show(ParseDecimal(kNines + "9", kLargest), kLargest) == "overflow");
  BOOST_TEST(Show(ParseDecimal(kNines + ".5", kLargest), kLargest) == "overflow");
}

BOOST_AUTO_TEST_CASE(arithmetic) {
  BOOST_TEST(Apply(AddDecimals, "1.25", "2.5", 10, 2) == "3.75");
  BOOST_TEST(Apply(SubtractDecimals, "1.25", "2.5", 10, 1) == "-1.3");
  BOOST_TEST(Apply(AddDecimals, kNines, "0.4", 38, 0) == kNines);
  BOOST_TEST(Apply(AddDecimals, kNines, "0.5", 38, 0) == "overflow");
  BOOST_TEST(Apply(MultiplyDecimals, "1.5", "-1.5", 10, 2) == "-2.25");
  BOOST_TEST(Apply(MultiplyDecimals, "1.5", "-1.5", 10, 1) == "-2.3");
  BOOST_TEST(Apply(MultiplyDecimals, kNines, "0.00000000000000000000000000000000000001", 38, 37) ==
             "1.0000000000000000000000000000000000000");
  BOOST_TEST(Apply(MultiplyDecimals, kNines, "10", 38, 0) == "overflow");
  BOOST_TEST(Apply(DivideDecimals, "1", "3", 10, 6) == "0.333333");
  BOOST_TEST(Apply(DivideDecimals, "-2", "3", 10, 6) == "-0.666667");
  BOOST_TEST(Apply(DivideDecimals, "1", "-8", 10, 2) == "-0.13");
  BOOST_TEST(Apply(DivideDecimals, kNines, "0." + std::string(37, '0') + "1", 38, 6) == "overflow");
  BOOST_TEST(Apply(DivideDecimals, "0." + kNines, kNines, 38, 6) == "0.000000");
  BOOST_TEST(Apply(ModDecimals, "-7.5", "2", 10, 1) == "-1.5");
  BOOST_TEST(Apply(ModDecimals, "7", "-2", 10, 0) == "1");
}

BOOST_AUTO_TEST_CASE(rounding) {
  const Type d = Type::MakeDecimal(10, 2), whole = Type::MakeDecimal(10, 0);
  BOOST_TEST(Show(RoundDecimal({12345}, 3, 2, d), d) == "12.35");
  BOOST_TEST(Show(RoundDecimal({-12345}, 3, 2, d), d) == "-12.35");
  BOOST_TEST(Show(RoundDecimal({15500}, 2, -1, whole), whole) == "160");
  BOOST_TEST(Show(RoundDecimal({15500}, 2, -40, whole), whole) == "0");
  BOOST_TEST(Show(RescaleDecimal({5}, 1, whole), whole) == "1");
}

BOOST_AUTO_TEST_CASE(comparison_across_scales) {
  BOOST_TEST((CompareDecimals({10}, 1, {100}, 2) == 0));
  BOOST_TEST((CompareDecimals({-11}, 1, {-100}, 2) < 0));
  const Decimal largest = {PowerOfTen(38) - 1};
  BOOST_TEST((CompareDecimals(largest, 0, largest, 38) > 0));
}

BOOST_AUTO_TEST_CASE(random_arithmetic_agrees_with_integers) {
  const uint64_t seed = std::random_device()();
  BOOST_TEST_MESSAGE("seed " << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000; ++i) {
    const auto a = static_cast<int64_t>(random()) >> 20,
               b = (static_cast<int64_t>(random()) >> 20) | 1;
    BOOST_TEST_INFO("seed " << seed << ": " << a << ", " << b);
    BOOST_TEST((AddDecimals({a}, 0, {b}, 0, kLargest)->unscaled == int128_t{a} + b));
    BOOST_TEST((MultiplyDecimals({a}, 0, {b}, 0, kLargest)->unscaled == int128_t{a} * b));
    BOOST_TEST((ModDecimals({a}, 0, {b}, 0, kLargest)->unscaled == a % b));
    const int128_t quotient = DivideDecimals({a}, 0, {b}, 0, kLargest)->unscaled;
    const int128_t rest = 2 * (quotient * b - a);
    BOOST_TEST((rest <= std::abs(b) && rest >= -std::abs(b)));
    BOOST_TEST(DecimalToDouble({a}, 3) == static_cast<double>(a) / 1000);
  }
}

BOOST_AUTO_TEST_CASE(doubles) {
  const Type d = Type::MakeDecimal(10, 3);
  BOOST_TEST(Show(DecimalFromDouble(0.1, d), d) == "0.100");
  BOOST_TEST(Show(DecimalFromFloat(0.1f, d), d) == "0.100");
  BOOST_TEST(Show(DecimalFromDouble(1e300, d), d) == "overflow");
  BOOST_TEST(Show(DecimalFromDouble(1e-300, d), d) == "0.000");
  BOOST_TEST(DecimalToDouble({PowerOfTen(38) - 1}, 38) == 1.0);
}

BOOST_AUTO_TEST_CASE(result_types) {
  const auto decimal = [](int p, int s) {
    return Type::MakeDecimal(static_cast<uint8_t>(p), static_cast<uint8_t>(s));
  };
  BOOST_TEST((DecimalAddType(decimal(38, 5), decimal(38, 4)) == decimal(38, 5)));
  BOOST_TEST((DecimalAddType(decimal(10, 10), decimal(10, 10)) == decimal(11, 10)));
  BOOST_TEST((DecimalMultiplyType(decimal(30, 10), decimal(30, 10)) == decimal(38, 6)));
  BOOST_TEST((DecimalMultiplyType(decimal(30, 20), decimal(30, 20)) == decimal(38, 17)));
  BOOST_TEST((DecimalMultiplyType(decimal(3, 3), TypeId::kBigInt) == decimal(23, 3)));
  BOOST_TEST((DecimalDivideType(decimal(32, 8), decimal(38, 8)) == decimal(38, 6)));
  BOOST_TEST((DecimalDivideType(decimal(30, 20), decimal(30, 20)) == decimal(38, 8)));
  BOOST_TEST((DecimalModType(decimal(30, 20), decimal(25, 20)) == decimal(25, 20)));
  BOOST_TEST((DecimalModType(decimal(30, 0), TypeId::kInteger) == Type(TypeId::kInteger)));
  BOOST_TEST((DecimalRoundType(decimal(32, 8), 5) == decimal(30, 5)));
  BOOST_TEST((DecimalRoundType(decimal(10, 10), 2) == decimal(3, 2)));
  BOOST_TEST((DecimalSumType(decimal(10, 5)) == decimal(38, 5)));
  BOOST_TEST((DecimalAvgType(decimal(10, 5)) == decimal(38, 6)));
}
