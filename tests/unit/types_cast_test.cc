#define BOOST_TEST_MODULE types_cast
#include <boost/test/unit_test.hpp>
#include <limits>

#include "base/error.h"
#include "types/cast.h"
#include "types/row_key.h"
#include "types/value.h"

using namespace millrace;

namespace {

constexpr const char* kZone = "Europe/Berlin";

Type Sized(TypeId id, uint32_t length, bool fixed) {
  Type type = id;
  type.length = length;
  type.fixed_length = fixed;
  return type;
}

Value Text(std::string text) { return {std::move(text)}; }
Value Int(int64_t number) { return {number}; }

// The text of the result, "NULL", or the error's message; flat and constant columns must agree.
std::string CastText(const Value& value, const Type& from, const Type& to) {
  const Column constant = MakeConstantColumn(value, from, 2);
  std::string texts[2];
  for (const bool flat : {false, true}) {
    RowErrors errors;
    const Column out = Cast(flat ? constant.Flatten() : constant, from, to, kZone, &errors);
    BOOST_REQUIRE_EQUAL(out.size(), 2u);
    if (!errors.empty()) {
      BOOST_TEST(errors.size() == 2u);
      texts[flat] = errors[1].message;
      BOOST_TEST(Cast(constant, from, to, kZone, nullptr).IsNull(1));
    } else if (out.IsNull(1)) {
      texts[flat] = "NULL";
    } else {
      AppendText(out, to, 1, kZone, &texts[flat]);
    }
  }
  BOOST_TEST(texts[0] == texts[1]);
  return texts[0];
}

std::string FromText(std::string text, const Type& to) {
  return CastText(Text(std::move(text)), TypeId::kString, to);
}
std::string FromInt(int64_t number, const Type& from, const Type& to) {
  return CastText(Int(number), from, to);
}
std::string FromDouble(double number, const Type& to) {
  return CastText({number}, TypeId::kDouble, to);
}

}  // namespace

BOOST_AUTO_TEST_CASE(numbers) {
  BOOST_TEST(FromInt(300, TypeId::kBigInt, TypeId::kTinyInt) ==
             "BIGINT 300 does not fit into TINYINT");
  BOOST_TEST(FromInt(-128, TypeId::kBigInt, TypeId::kTinyInt) == "-128");
  BOOST_TEST(FromInt(5, TypeId::kTinyInt, TypeId::kBigInt) == "5");
  BOOST_TEST(FromInt(5, TypeId::kInteger, TypeId::kDouble) == "5.0");
  BOOST_TEST(FromDouble(-2.9, TypeId::kInteger) == "-2");
  BOOST_TEST(FromDouble(2147483647.5, TypeId::kInteger) == "2147483647");
  BOOST_TEST(FromDouble(2147483648.0, TypeId::kInteger) ==
             "DOUBLE 2.147483648E9 does not fit into INTEGER");
  BOOST_TEST(FromDouble(-9223372036854775808.0, TypeId::kBigInt) == "-9223372036854775808");
  BOOST_TEST(FromDouble(9223372036854775808.0, TypeId::kBigInt) ==
             "DOUBLE 9.223372036854776E18 does not fit into BIGINT");
  BOOST_TEST(FromDouble(std::numeric_limits<double>::quiet_NaN(), TypeId::kBigInt) ==
             "DOUBLE NaN does not fit into BIGINT");
  BOOST_TEST(FromDouble(1e300, TypeId::kFloat) == "DOUBLE 1.0E300 does not fit into FLOAT");
  BOOST_TEST(FromInt(1, TypeId::kInteger, TypeId::kBoolean) == "TRUE");
  BOOST_TEST(CastText({true}, TypeId::kBoolean, Type::MakeDecimal(3, 1)) == "1.0");
  BOOST_TEST(CastText({}, TypeId::kBigInt, TypeId::kTinyInt) == "NULL");
}

BOOST_AUTO_TEST_CASE(decimals) {
  const Type d52 = Type::MakeDecimal(5, 2);
  BOOST_TEST(FromInt(12, TypeId::kInteger, d52) == "12.00");
  BOOST_TEST(FromInt(1234, TypeId::kInteger, d52) ==
             "INTEGER 1234 does not fit into DECIMAL(5, 2)");
  BOOST_TEST(FromDouble(0.125, d52) == "0.13");
  BOOST_TEST(FromDouble(-0.125, d52) == "-0.13");
  BOOST_TEST(FromText(" 1e2 ", d52) == "100.00");
  BOOST_TEST(FromText("999.995", d52) == "cannot cast '999.995' to DECIMAL(5, 2)");
  BOOST_TEST(CastText({int128_t{-1299}}, d52, TypeId::kInteger) == "-12");
  BOOST_TEST(CastText({int128_t{1250}}, d52, Type::MakeDecimal(3, 0)) == "13");
  BOOST_TEST(CastText({int128_t{110}}, d52, TypeId::kDouble) == "1.1");
}

BOOST_AUTO_TEST_CASE(text_to_scalars) {
  BOOST_TEST(FromText("abc", TypeId::kInteger) == "cannot cast 'abc' to INTEGER");
  BOOST_TEST(FromText(" +42 ", TypeId::kInteger) == "42");
  BOOST_TEST(FromText("1.5", TypeId::kInteger) == "cannot cast '1.5' to INTEGER");
  BOOST_TEST(FromText("", TypeId::kInteger) == "cannot cast '' to INTEGER");
  BOOST_TEST(FromText("+-1", TypeId::kInteger) == "cannot cast '+-1' to INTEGER");
  BOOST_TEST(FromText("128", TypeId::kTinyInt) == "cannot cast '128' to TINYINT");
  BOOST_TEST(FromText(" 1.5e3 ", TypeId::kDouble) == "1500.0");
  BOOST_TEST(FromText("nan", TypeId::kDouble) == "NaN");
  for (const char* yes : {"true", "T", "yes", "1", " TRUE "}) {
    BOOST_TEST(FromText(yes, TypeId::kBoolean) == "TRUE");
  }
  for (const char* no : {"false", "f", "NO", "0"}) {
    BOOST_TEST(FromText(no, TypeId::kBoolean) == "FALSE");
  }
  BOOST_TEST(FromText("2", TypeId::kBoolean) == "cannot cast '2' to BOOLEAN");
  BOOST_TEST(FromText("1-02", TypeId::kIntervalMonth) == "+1-02");
  BOOST_TEST(FromText("-10 00:00:00.004", TypeId::kIntervalDay) == "-10 00:00:00.004");
}

BOOST_AUTO_TEST_CASE(doubles_as_java_writes_them) {
  const auto text = [](double d) { return ToText({d}, TypeId::kDouble); };
  BOOST_TEST(text(1) == "1.0");
  BOOST_TEST(text(0.001) == "0.001");
  BOOST_TEST(text(0.00012) == "1.2E-4");
  BOOST_TEST(text(1234567.25) == "1234567.25");
  BOOST_TEST(text(1e7) == "1.0E7");
  BOOST_TEST(text(1e10) == "1.0E10");
  BOOST_TEST(text(123456789.5) == "1.234567895E8");
  BOOST_TEST(text(0.1) == "0.1");
  BOOST_TEST(text(-0.0) == "-0.0");
  BOOST_TEST(text(120) == "120.0");
  BOOST_TEST(text(std::numeric_limits<double>::infinity()) == "Infinity");
  BOOST_TEST(ToText({double{0.1f}}, TypeId::kFloat) == "0.1");
}

BOOST_AUTO_TEST_CASE(lengths) {
  const Type char5 = Sized(TypeId::kString, 5, true), varchar3 = Sized(TypeId::kString, 3, false);
  BOOST_TEST(FromText("ab", char5) == "ab   ");
  BOOST_TEST(FromText("äöüßéx", char5) == "äöüßé");
  BOOST_TEST(FromText("äö", varchar3) == "äö");
  BOOST_TEST(FromText("a long string that is cut", varchar3) == "a l");
  BOOST_TEST(FromText("a long string that is cut to 15", Sized(TypeId::kString, 15, false)) ==
             "a long string t");
  BOOST_TEST(FromInt(12345, TypeId::kInteger, varchar3) == "123");
  BOOST_TEST(FromText("ab", Sized(TypeId::kBytes, 4, true)) == std::string("ab\0\0", 4));
  BOOST_TEST(FromText("abcdef", Sized(TypeId::kBytes, 4, false)) == "abcd");
  BOOST_TEST(CastText(Text("a\xFF"
                           "b"),
                      TypeId::kBytes, TypeId::kString) ==
             "a\xEF\xBF\xBD"
             "b");
}

BOOST_AUTO_TEST_CASE(datetimes) {
  const Type ts3 = Type::MakeTimestamp(3), ltz3 = Type::MakeTimestampLtz(3);
  BOOST_TEST(FromText("2026-03-01", TypeId::kDate) == "2026-03-01");
  BOOST_TEST(FromText("2026-03-01 12:00:00", TypeId::kDate) == "2026-03-01");
  BOOST_TEST(FromText("2026-02-30", TypeId::kDate) == "cannot cast '2026-02-30' to DATE");
  BOOST_TEST(FromText("2026-03-01T12:03:07.9999", ts3) == "2026-03-01 12:03:07.999");
  BOOST_TEST(FromText("2026-03-01 12:03:07", ts3) == "2026-03-01 12:03:07.000");
  BOOST_TEST(FromText("2026-03-01 12:00:00Z", ltz3) == "2026-03-01 13:00:00.000");
  BOOST_TEST(FromText("2026-03-01 12:00:00", ltz3) == "2026-03-01 12:00:00.000");
  BOOST_TEST(FromText("2026-03-01 12:00:00Z", ts3) ==
             "cannot cast '2026-03-01 12:00:00Z' to TIMESTAMP(3)");
  BOOST_TEST(FromText("12:03", TypeId::kTime) == "12:03:00");
  BOOST_TEST(FromInt(-1, TypeId::kTimestamp, TypeId::kDate) == "1969-12-31");
  BOOST_TEST(FromInt(-1, TypeId::kTimestamp, ts3) == "1969-12-31 23:59:59.999");
  BOOST_TEST(FromInt(0, TypeId::kTimestampLtz, ts3) == "1970-01-01 01:00:00.000");
  BOOST_TEST(FromInt(0, TypeId::kTimestampLtz, TypeId::kTime) == "01:00:00");
  BOOST_TEST(FromInt(0, ts3, ltz3) == "1970-01-01 00:00:00.000");
  BOOST_TEST(FromInt(1, TypeId::kDate, ts3) == "1970-01-02 00:00:00.000");
}

BOOST_AUTO_TEST_CASE(nested) {
  const Type texts = Type::MakeArray(TypeId::kString), numbers = Type::MakeArray(TypeId::kInteger);
  const Value good = {Values{Text("1"), {}, Text("3")}}, bad = {Values{Text("1"), Text("x")}};
  BOOST_TEST(CastText(good, texts, numbers) == "[1, NULL, 3]");
  BOOST_TEST(CastText(bad, texts, numbers) == "cannot cast 'x' to INTEGER");
  const Type map = Type::MakeMap(TypeId::kString, TypeId::kBigInt);
  const Value entries = {Values{Text("a"), Int(1), Text("b"), {}}};
  BOOST_TEST(CastText(entries, map, TypeId::kString) == "{a=1, b=NULL}");
  const Type row = Type::MakeRow({{"a", TypeId::kString}, {"b", map}});
  const Type wider = Type::MakeRow(
      {{"x", TypeId::kBigInt}, {"y", Type::MakeMap(TypeId::kString, TypeId::kTinyInt)}});
  BOOST_TEST(CastText({Values{Text("7"), entries}}, row, wider) == "(7, {a=1, b=NULL})");
  const Value large = {Values{Text("7"), {Values{Text("a"), Int(1000)}}}};
  BOOST_TEST(CastText(large, row, wider) == "BIGINT 1000 does not fit into TINYINT");
}

BOOST_AUTO_TEST_CASE(errors_name_their_rows) {
  Column in(TypeId::kBigInt, 4);
  const int64_t values[] = {1, 1000, 2000, 3};
  std::copy(std::begin(values), std::end(values), in.mutable_data<int64_t>());
  in.SetNull(2);
  RowErrors errors;
  const Column out = Cast(in, TypeId::kBigInt, TypeId::kTinyInt, kZone, &errors);
  BOOST_REQUIRE_EQUAL(errors.size(), 1u);
  BOOST_TEST(errors[0].row == 1u);
  BOOST_TEST(out.IsNull(2));
  BOOST_TEST(out.at<int8_t>(3) == 3);
  const Column tried = Cast(in, TypeId::kBigInt, TypeId::kTinyInt, kZone, nullptr);
  BOOST_TEST(tried.IsNull(1));
  BOOST_TEST(!in.IsNull(1));
}

BOOST_AUTO_TEST_CASE(kinds) {
  using enum CastKind;
  const auto kind = [](const Type& from, const Type& to) { return CastKindOf(from, to); };
  BOOST_TEST((kind(TypeId::kInteger, TypeId::kBigInt) == kImplicit));
  BOOST_TEST((kind(TypeId::kBigInt, TypeId::kInteger) == kAssign));
  BOOST_TEST((kind(TypeId::kBigInt, Type::MakeDecimal(19, 0)) == kImplicit));
  BOOST_TEST((kind(TypeId::kBigInt, Type::MakeDecimal(10, 0)) == kAssign));
  BOOST_TEST((kind(Type::MakeDecimal(38, 2), Type::MakeDecimal(10, 2)) == kAssign));
  BOOST_TEST((kind(TypeId::kNull, Type::MakeArray(TypeId::kDate)) == kImplicit));
  BOOST_TEST((kind(TypeId::kDate, TypeId::kTimestamp) == kImplicit));
  BOOST_TEST((kind(TypeId::kTimestamp, TypeId::kTimestampLtz) == kAssign));
  BOOST_TEST((kind(TypeId::kString, TypeId::kInteger) == kExplicit));
  BOOST_TEST((kind(TypeId::kInteger, TypeId::kString) == kExplicit));
  BOOST_TEST((kind(TypeId::kInteger, TypeId::kDate) == kNone));
  BOOST_TEST((kind(TypeId::kString, Sized(TypeId::kString, 3, false)) == kImplicit));
  BOOST_TEST(
      (kind(Type::MakeArray(TypeId::kInteger), Type::MakeArray(TypeId::kTinyInt)) == kAssign));
  BOOST_TEST((kind(Type(TypeId::kDate, false), TypeId::kDate) == kImplicit));
  const Column column(TypeId::kInteger, 0);
  BOOST_CHECK_THROW(Cast(column, TypeId::kInteger, TypeId::kDate, kZone, nullptr), Error);
}
