// Every scalar function is called with constants, with columns and with each mix of them: all must
// give the same.
#define BOOST_TEST_MODULE functions_scalar
#include <boost/test/unit_test.hpp>

#include "base/error.h"
#include "functions/expr.h"
#include "functions/registry.h"
#include "types/cast.h"

using namespace millrace;

namespace {

struct Argument {
  Value value;
  Type type;
};

Argument Int(int64_t v) { return {{v}, TypeId::kInteger}; }
Argument Big(int64_t v) { return {{v}, TypeId::kBigInt}; }
Argument Dbl(double v) { return {{v}, TypeId::kDouble}; }
Argument Str(std::string s) { return {{std::move(s)}, TypeId::kString}; }
Argument Bool(bool b) { return {{b}, TypeId::kBoolean}; }
Argument Null(Type type) { return {{}, std::move(type)}; }
Argument As(const std::string& text, Type type, const std::string& zone = "UTC") {
  const ExprPtr literal = MakeCast(MakeLiteral({text}, TypeId::kString), type, false, zone);
  return {std::get<LiteralExpr>(literal->node).value, type};
}
Argument Dec(const std::string& text, uint8_t precision, uint8_t scale) {
  return As(text, Type::MakeDecimal(precision, scale));
}
Argument Ts(const std::string& text) { return As(text, Type::MakeTimestamp(3)); }
Argument Ltz(const std::string& text) { return As(text, Type::MakeTimestampLtz(3)); }
Argument Day(const std::string& text) { return As(text, TypeId::kDate); }
Argument Micros(int64_t micros) { return {{micros}, TypeId::kIntervalDay}; }
Argument Months(int64_t months) { return {{months}, TypeId::kIntervalMonth}; }

constexpr size_t kRows = 5;
constexpr TimestampLtz kNow{1'700'000'000'123'456};

struct Called {
  std::string text;
  Type type;
};

// The text of the call's value in the middle row, or "!" and the error.
Called CallMixed(const std::string& name, const std::vector<Argument>& arguments, unsigned columns,
                 const std::string& zone) {
  std::vector<Type> types;
  for (const Argument& a : arguments) types.push_back(a.type.AsNullable());
  const ResolvedScalar resolved = BuiltinFunctions().ResolveScalar(name, types);
  CallExpr call{name, resolved.kernel, {}, resolved.deterministic};
  Batch batch;
  batch.size = kRows;
  Arena arena;
  for (size_t k = 0; k < arguments.size(); ++k) {
    ExprPtr expr;
    if (columns >> k & 1) {
      Column column = MakeConstantColumn(arguments[k].value, types[k], kRows).Flatten();
      column.SetNull(0);
      expr = MakeColumnExpr(batch.columns.size(), types[k]);
      batch.columns.push_back(column);
    } else {
      expr = MakeLiteral(arguments[k].value, types[k]);
    }
    call.arguments.push_back(MakeCast(expr, resolved.parameters[k], false, zone));
  }
  const Expr expr{resolved.result, {}, std::move(call)};
  RowErrors errors;
  EvalContext context{kNow, zone, TimestampLtz{42'000'000}, &errors};
  const Column column = Evaluate(expr, batch, context);
  BOOST_TEST(column.size() == kRows);
  BOOST_TEST(static_cast<int>(column.type()) == static_cast<int>(resolved.result.id));
  for (const RowError& error : errors) {
    if (error.row == kRows / 2) return {"!" + error.message, resolved.result};
  }
  const Value value = GetValue(column, resolved.result, kRows / 2);
  return {ToText(value, resolved.result), resolved.result};
}

std::string Call(const std::string& name, const std::vector<Argument>& arguments,
                 const std::string& zone = "UTC") {
  const std::string text = CallMixed(name, arguments, 0, zone).text;
  for (unsigned columns = 1; columns < 1u << arguments.size(); ++columns) {
    const std::string other = CallMixed(name, arguments, columns, zone).text;
    BOOST_TEST(other == text,
               name << " with columns " << columns << ": " << other << ", not " << text);
  }
  return text;
}

std::string TypeOf(const std::string& name, const std::vector<Argument>& arguments) {
  return CallMixed(name, arguments, 0, "UTC").type.AsNullable().ToString();
}

}  // namespace

BOOST_AUTO_TEST_CASE(integers) {
  BOOST_TEST(Call("+", {Int(1), Int(2)}) == "3");
  BOOST_TEST(TypeOf("+", {Int(1), Int(2)}) == "INTEGER");
  BOOST_TEST(TypeOf("+", {Int(1), Big(2)}) == "BIGINT");
  BOOST_TEST(Call("/", {Int(7), Int(2)}) == "3");
  BOOST_TEST(Call("/", {Int(-7), Int(2)}) == "-3");
  BOOST_TEST(Call("%", {Int(-7), Int(2)}) == "-1");
  BOOST_TEST(Call("mod", {Int(7), Int(-1)}) == "0");
  BOOST_TEST(Call("/", {Int(7), Int(0)}) == "!division by zero: 7 0");
  BOOST_TEST(Call("+", {Big(INT64_MAX), Big(1)}) == "!BIGINT overflow in +: 9223372036854775807 1");
  BOOST_TEST(Call("-", {Int(INT32_MIN), Int(1)}).starts_with("!INTEGER overflow in -"));
  BOOST_TEST(Call("*", {Big(INT64_MAX), Big(2)}).starts_with("!BIGINT overflow in *"));
  constexpr int64_t kHalf = int64_t{1} << 31;
  BOOST_TEST(Call("*", {Big(-kHalf), Big(-kHalf)}) == "4611686018427387904");
  BOOST_TEST(Call("*", {Big(kHalf), Big(2 * kHalf - 1)}) == "9223372034707292160");
  BOOST_TEST(Call("*", {Big(2 * kHalf), Big(kHalf)}).starts_with("!BIGINT overflow in *"));
  BOOST_TEST(Call("*", {Big(INT64_MIN), Big(-1)}).starts_with("!BIGINT overflow in *"));
  BOOST_TEST(Call("*", {Int(65536), Int(-32768)}) == "-2147483648");
  BOOST_TEST(Call("*", {Int(65536), Int(32768)}).starts_with("!INTEGER overflow in *"));
  BOOST_TEST(Call("/", {Int(INT32_MIN), Int(-1)}).starts_with("!INTEGER overflow in /"));
  BOOST_TEST(Call("negate", {Big(INT64_MIN)}).starts_with("!BIGINT overflow"));
  BOOST_TEST(Call("abs", {Int(-5)}) == "5");
  BOOST_TEST(Call("sign", {Int(-5)}) == "-1");
  BOOST_TEST(Call("round", {Int(1250), Int(-2)}) == "1300");
  BOOST_TEST(Call("truncate", {Int(1250), Int(-2)}) == "1200");
  BOOST_TEST(Call("+", {Int(1), Null(TypeId::kInteger)}) == "NULL");
  BOOST_TEST(Call("+", {Int(1), Null(TypeId::kNull)}) == "NULL");
}

BOOST_AUTO_TEST_CASE(approximate) {
  BOOST_TEST(Call("+", {Dbl(1.5), Int(2)}) == "3.5");
  BOOST_TEST(Call("round", {Dbl(1.005), Int(2)}) == "1.01");
  BOOST_TEST(Call("round", {Dbl(-2.5)}) == "-3.0");
  BOOST_TEST(Call("truncate", {Dbl(1.29), Int(2)}) == "1.29");
  BOOST_TEST(Call("floor", {Dbl(-1.5)}) == "-2.0");
  BOOST_TEST(Call("ceil", {Dbl(1.2)}) == "2.0");
  BOOST_TEST(Call("power", {Int(2), Int(10)}) == "1024.0");
  BOOST_TEST(Call("sqrt", {Int(16)}) == "4.0");
  BOOST_TEST(Call("log", {Int(2), Int(8)}) == "3.0");
  BOOST_TEST(Call("greatest", {Int(1), Big(7), Int(3)}) == "7");
  BOOST_TEST(Call("least", {Str("b"), Str("a")}) == "a");
  BOOST_TEST(Call("greatest", {Int(1), Null(TypeId::kInteger)}) == "NULL");
  const std::string random = CallMixed("rand_integer", {Int(10)}, 1, "UTC").text;
  BOOST_TEST((random >= "0" && random <= "9"));
}

BOOST_AUTO_TEST_CASE(decimals) {
  BOOST_TEST(TypeOf("*", {Dec("0.908", 3, 3), Big(100)}) == "DECIMAL(23, 3)");
  BOOST_TEST(Call("*", {Dec("0.908", 3, 3), Big(100)}) == "90.800");
  BOOST_TEST(Call("*", {Big(-100), Dec("0.908", 3, 3)}) == "-90.800");
  BOOST_TEST(Call("+", {Dec("1.5", 2, 1), Dec("0.25", 3, 2)}) == "1.75");
  BOOST_TEST(TypeOf("+", {Dec("1.5", 2, 1), Dec("0.25", 3, 2)}) == "DECIMAL(4, 2)");
  BOOST_TEST(Call("-", {Dec("1.5", 2, 1), Int(2)}) == "-0.5");
  BOOST_TEST(Call("/", {Dec("1.0", 2, 1), Int(0)}) == "!division by zero");
  BOOST_TEST(Call("/", {Dec("1.0", 2, 1), Dec("4.0", 2, 1)}).starts_with("0.25"));
  BOOST_TEST(Call("%", {Dec("5.5", 2, 1), Int(2)}) == "1.5");
  BOOST_TEST(Call("floor", {Dec("-1.5", 2, 1)}) == "-2");
  BOOST_TEST(Call("ceil", {Dec("1.5", 2, 1)}) == "2");
  BOOST_TEST(Call("round", {Dec("1.255", 4, 3), Int(2)}) == "1.260");
  BOOST_TEST(Call("truncate", {Dec("1.259", 4, 3), Int(2)}) == "1.250");
  BOOST_TEST(Call("abs", {Dec("-1.5", 2, 1)}) == "1.5");
  const Argument most = Dec("99999999999999999999999999999999999999", 38, 0);
  BOOST_TEST(Call("+", {most, most}).starts_with("!DECIMAL overflow in +"));
  BOOST_TEST(Call("*", {most, most}).starts_with("!DECIMAL overflow in *"));
  BOOST_TEST(TypeOf("+", {Dec("1.5", 2, 1), Dbl(1)}) == "DOUBLE");
}

BOOST_AUTO_TEST_CASE(comparisons) {
  BOOST_TEST(Call("=", {Int(1), Big(1)}) == "TRUE");
  BOOST_TEST(Call("<", {Dec("1.50", 3, 2), Dec("1.6", 2, 1)}) == "TRUE");
  BOOST_TEST(Call(">=", {Str("b"), Str("a long string, not inline")}) == "TRUE");
  BOOST_TEST(Call("<", {Ts("2026-03-01 00:00:00"), Str("2026-03-02")}) == "TRUE");
  BOOST_TEST(Call("=", {Ts("2026-03-01 00:00:00"), Day("2026-03-01")}) == "TRUE");
  BOOST_TEST(Call("<>", {Bool(true), Bool(false)}) == "TRUE");
  BOOST_TEST(Call("=", {Int(1), Null(TypeId::kNull)}) == "NULL");
  BOOST_TEST(Call("is_distinct_from", {Int(1), Null(TypeId::kInteger)}) == "TRUE");
  BOOST_TEST(Call("is_not_distinct_from", {Null(TypeId::kInteger), Null(TypeId::kInteger)}) ==
             "TRUE");
  BOOST_TEST(Call("is_distinct_from", {Int(1), Int(1)}) == "FALSE");
}

BOOST_AUTO_TEST_CASE(logic) {
  const Argument null = Null(TypeId::kBoolean);
  BOOST_TEST(Call("not", {Bool(true)}) == "FALSE");
  BOOST_TEST(Call("not", {null}) == "NULL");
  BOOST_TEST(Call("is_null", {null}) == "TRUE");
  BOOST_TEST(Call("is_not_null", {Str("")}) == "TRUE");
  BOOST_TEST(Call("is_true", {null}) == "FALSE");
  BOOST_TEST(Call("is_not_true", {null}) == "TRUE");
  BOOST_TEST(Call("is_false", {Bool(false)}) == "TRUE");
  BOOST_TEST(Call("is_not_false", {null}) == "TRUE");
  BOOST_TEST(Call("is_unknown", {null}) == "TRUE");
}

BOOST_AUTO_TEST_CASE(intervals) {
  const Argument ts = Ts("2026-01-31 12:00:00");
  BOOST_TEST(Call("+", {ts, Micros(90'000'000)}) == "2026-01-31 12:01:30.000");
  BOOST_TEST(Call("-", {ts, Micros(kMicrosPerDay)}) == "2026-01-30 12:00:00.000");
  BOOST_TEST(Call("+", {ts, Months(1)}) == "2026-02-28 12:00:00.000");
  BOOST_TEST(Call("+", {Months(1), Day("2024-01-31")}) == "2024-02-29");
  BOOST_TEST(Call("+", {Day("2024-02-28"), Micros(2 * kMicrosPerDay)}) == "2024-03-01");
  BOOST_TEST(TypeOf("-", {ts, ts}) == "INTERVAL DAY TO SECOND");
  BOOST_TEST(Call("=", {Micros(60'000'000), Micros(60'000'000)}) == "TRUE");
  const std::string minute = Call("-", {Ts("2026-01-01 00:01:00"), Ts("2026-01-01 00:00:00")});
  BOOST_TEST(Call("*", {Micros(20'000'000), Int(3)}) == minute);
  BOOST_TEST(Call("+", {Ts("2026-01-31 12:00:00"), Micros(INT64_MAX)}).starts_with("!"));
}

BOOST_AUTO_TEST_CASE(strings) {
  BOOST_TEST(Call("char_length", {Str("añ▲")}) == "3");
  BOOST_TEST(Call("substring", {Str("hello world, hello"), Int(7), Int(5)}) == "world");
  BOOST_TEST(Call("substring", {Str("▲▼◀"), Int(2)}) == "▼◀");
  BOOST_TEST(Call("substring", {Str("hello"), Int(-3), Int(2)}) == "ll");
  BOOST_TEST(Call("substring", {Str("hello"), Int(1), Int(-1)}) == "NULL");
  BOOST_TEST(Call("left", {Str("▲▼◀"), Int(2)}) == "▲▼");
  BOOST_TEST(Call("right", {Str("▲▼◀"), Int(2)}) == "▼◀");
  BOOST_TEST(Call("lpad", {Str("hi"), Int(5), Str("ab")}) == "abahi");
  BOOST_TEST(Call("rpad", {Str("hello"), Int(2), Str("ab")}) == "he");
  BOOST_TEST(Call("upper", {Str("straße, ñandú und so weiter")}) == "STRAßE, ÑANDÚ UND SO WEITER");
  BOOST_TEST(Call("lower", {Str("ПРИВЕТ Σ ABC")}) == "привет σ abc");
  BOOST_TEST(Call("lower", {Str("Some Rather Long ASCII @[`{ Text")}) ==
             "some rather long ascii @[`{ text");
  BOOST_TEST(Call("initcap", {Str("hello wORLD 2nd")}) == "Hello World 2nd");
  BOOST_TEST(Call("reverse", {Str("a▲b")}) == "b▲a");
  BOOST_TEST(Call("repeat", {Str("ab"), Int(3)}) == "ababab");
  BOOST_TEST(Call("repeat", {Str("ab"), Int(INT32_MAX)}).starts_with("!"));
  BOOST_TEST(Call("trim", {Str("BOTH"), Str("xy"), Str("xyhixy")}) == "hi");
  BOOST_TEST(Call("trim", {Str("  hi ")}) == "hi");
  BOOST_TEST(Call("ltrim", {Str("  hi ")}) == "hi ");
  BOOST_TEST(Call("rtrim", {Str("hixx"), Str("x")}) == "hi");
  BOOST_TEST(Call("overlay", {Str("abcdef"), Str("XY"), Int(3)}) == "abXYef");
  BOOST_TEST(Call("overlay", {Str("abcdef"), Str("XY"), Int(3), Int(1)}) == "abXYdef");
  BOOST_TEST(Call("translate", {Str("abcabc"), Str("ab"), Str("x")}) == "xcxc");
  BOOST_TEST(Call("ascii", {Str("A")}) == "65");
  BOOST_TEST(Call("chr", {Int(65)}) == "A");
}

BOOST_AUTO_TEST_CASE(string_search) {
  BOOST_TEST(Call("position", {Str("▼"), Str("▲▼")}) == "2");
  BOOST_TEST(Call("instr", {Str("abcabc"), Str("c")}) == "3");
  BOOST_TEST(Call("instr", {Str("abcabc"), Str("c"), Int(1), Int(2)}) == "6");
  BOOST_TEST(Call("instr", {Str("abcabc"), Str("b"), Int(-1)}) == "5");
  BOOST_TEST(Call("locate", {Str("b"), Str("abcb"), Int(3)}) == "4");
  BOOST_TEST(Call("replace", {Str("aXbX"), Str("X"), Str("--")}) == "a--b--");
  BOOST_TEST(Call("split_index", {Str("https://www.nexmark.com/a/b"), Str("/"), Int(3)}) == "a");
  BOOST_TEST(Call("split_index", {Str("a,b"), Str(","), Int(2)}) == "NULL");
  BOOST_TEST(Call("split_index", {Str("a,,b"), Str(","), Int(1)}) == "");
  BOOST_TEST(Call("||", {Str("twelve bytes"), Str("!")}) == "twelve bytes!");
  BOOST_TEST(Call("||", {Str("a"), Null(TypeId::kString)}) == "NULL");
  BOOST_TEST(Call("concat", {Str("a"), Str("b"), Str("c")}) == "abc");
  BOOST_TEST(Call("concat", {Str("a"), Null(TypeId::kString)}) == "NULL");
  BOOST_TEST(CallMixed("concat_ws", {Str("-"), Str("a"), Null(TypeId::kString), Str("b")}, 0, "UTC")
                 .text == "a-b");
  BOOST_TEST(Call("elt", {Int(2), Str("a"), Str("b")}) == "b");
  BOOST_TEST(Call("startswith", {Str("abc"), Str("ab")}) == "TRUE");
  BOOST_TEST(Call("endswith", {Str("abc"), Str("ab")}) == "FALSE");
}

BOOST_AUTO_TEST_CASE(like) {
  const auto like = [](const char* s, const char* pattern) {
    return Call("like", {Str(s), Str(pattern)}) == "TRUE";
  };
  BOOST_TEST(like("hello", "hello"));
  BOOST_TEST(like("hello", "he%"));
  BOOST_TEST(like("hello", "%lo"));
  BOOST_TEST(like("hello", "%ell%"));
  BOOST_TEST(like("hello", "h%l%o"));
  BOOST_TEST(like("hello", "_ell_"));
  BOOST_TEST(like("▲b", "_b"));
  BOOST_TEST(like("aab", "%_b"));
  BOOST_TEST(like("", "%"));
  BOOST_TEST(!like("hello", "he"));
  BOOST_TEST(!like("aa", "a%aa"));
  BOOST_TEST(!like("hello", "_"));
  BOOST_TEST(Call("like", {Str("a%b"), Str("a!%b"), Str("!")}) == "TRUE");
  BOOST_TEST(Call("like", {Str("axb"), Str("a!%b"), Str("!")}) == "FALSE");
  BOOST_TEST(Call("like", {Str("axb"), Str("a!xb"), Str("!")}).starts_with("!an escape"));
}

BOOST_AUTO_TEST_CASE(regular_expressions) {
  const Argument url = Str("https://x.y/?a=1&channel_id=apple&b=2");
  BOOST_TEST(Call("regexp_extract", {url, Str("(&|^)channel_id=([^&]*)"), Int(2)}) == "apple");
  BOOST_TEST(Call("regexp_extract", {url, Str("nothing")}) == "NULL");
  BOOST_TEST(Call("regexp_extract", {url, Str("a"), Int(5)}) == "NULL");
  BOOST_TEST(Call("regexp", {Str("abc"), Str("b")}) == "TRUE");
  BOOST_TEST(Call("regexp", {Str("abc"), Str("(b")}).starts_with("!invalid regular expression"));
  BOOST_TEST(Call("regexp_replace", {Str("a1b22"), Str("\\d+"), Str("$1")}) == "a$1b$1");
  BOOST_TEST(Call("regexp_replace", {Str("ab"), Str("x*"), Str("-")}) == "-a-b-");
  BOOST_TEST(Call("regexp_count", {Str("a1b22"), Str("\\d")}) == "3");
  BOOST_TEST(Call("regexp_instr", {Str("▲b22"), Str("2")}) == "3");
  BOOST_TEST(Call("regexp_substr", {Str("a1b22"), Str("\\d\\d")}) == "22");
  BOOST_TEST(Call("regexp", {Str("foobar"), Str("foo(?=bar)")}) == "TRUE");
  BOOST_TEST(Call("similar_to", {Str("abc"), Str("(a|b)%")}) == "TRUE");
  BOOST_TEST(Call("similar_to", {Str("a.c"), Str("a.c")}) == "TRUE");
  BOOST_TEST(Call("similar_to", {Str("abc"), Str("a.c")}) == "FALSE");
  const std::string long_text = std::string(60, 'a') + '!';
  BOOST_TEST(Call("regexp", {Str(long_text), Str("^(a|aa)+$")}).starts_with("!the regular"));
}

BOOST_AUTO_TEST_CASE(encodings) {
  BOOST_TEST(Call("to_base64", {Str("hello")}) == "aGVsbG8=");
  BOOST_TEST(Call("from_base64", {Str("aGVsbG8=")}) == "hello");
  BOOST_TEST(Call("url_encode", {Str("a b&▲")}) == "a+b%26%E2%96%B2");
  BOOST_TEST(Call("url_decode", {Str("a+b%26")}) == "a b&");
  BOOST_TEST(Call("url_decode", {Str("%x")}) == "NULL");
  const Argument url = Str("http://user@host:8080/path/file?q=1&r=2#ref");
  BOOST_TEST(Call("parse_url", {url, Str("HOST")}) == "host");
  BOOST_TEST(Call("parse_url", {url, Str("PATH")}) == "/path/file");
  BOOST_TEST(Call("parse_url", {url, Str("QUERY"), Str("r")}) == "2");
  BOOST_TEST(Call("parse_url", {Str("http://a"), Str("QUERY")}) == "NULL");
  BOOST_TEST(Call("bin", {Int(5)}) == "101");
  BOOST_TEST(Call("hex", {Int(255)}) == "FF");
  BOOST_TEST(Call("hex", {Str("hi")}) == "6869");
  BOOST_TEST(CallMixed("uuid", {}, 0, "UTC").text.size() == 36);
  BOOST_TEST(Call("is_alpha", {Str("añ")}) == "TRUE");
  BOOST_TEST(Call("is_digit", {Str("12a")}) == "FALSE");
  BOOST_TEST(Call("is_decimal", {Str("-1.5")}) == "TRUE");
  BOOST_TEST(CallMixed("typeof", {Int(1)}, 0, "UTC").text == "INTEGER");
}

BOOST_AUTO_TEST_CASE(time_fields) {
  const Argument ts = Ts("2026-03-01 13:04:05.678");
  const auto extract = [&](const char* unit) { return Call("extract", {Str(unit), ts}); };
  BOOST_TEST(extract("YEAR") == "2026");
  BOOST_TEST(extract("QUARTER") == "1");
  BOOST_TEST(extract("WEEK") == "9");
  BOOST_TEST(extract("DOW") == "1");
  BOOST_TEST(extract("DOY") == "60");
  BOOST_TEST(extract("SECOND") == "5");
  BOOST_TEST(extract("MILLISECOND") == "678");
  BOOST_TEST(extract("CENTURY") == "21");
  BOOST_TEST(extract("NONSENSE").starts_with("!unknown unit"));
  BOOST_TEST(Call("hour", {ts}) == "13");
  BOOST_TEST(Call("hour", {Ltz("2026-03-01 23:30:00")}, "Europe/Berlin") == "0");
  BOOST_TEST(Call("dayofmonth", {Day("1969-12-31")}) == "31");
  BOOST_TEST(Call("year", {Ts("0001-01-01 00:00:00")}) == "1");
  BOOST_TEST(Call("floor", {ts, Str("HOUR")}) == "2026-03-01 13:00:00.000");
  BOOST_TEST(Call("ceil", {ts, Str("DAY")}) == "2026-03-02 00:00:00.000");
  BOOST_TEST(Call("floor", {ts, Str("MONTH")}) == "2026-03-01 00:00:00.000");
  BOOST_TEST(Call("ceil", {Day("2026-03-02"), Str("YEAR")}) == "2027-01-01");
  BOOST_TEST(Call("timestampadd", {Str("MONTH"), Int(-1), Ts("2026-03-31 00:00:00")}) ==
             "2026-02-28 00:00:00.000");
  BOOST_TEST(Call("timestampadd", {Str("DAY"), Int(1), Day("2026-02-28")}) == "2026-03-01");
  BOOST_TEST(Call("timestampadd", {Str("HOUR"), Int(1), Day("2026-02-28")}).starts_with("!"));
  BOOST_TEST(Call("timestampdiff",
                  {Str("DAY"), Ts("2026-03-01 12:00:00"), Ts("2026-03-03 11:00:00")}) == "1");
  BOOST_TEST(Call("timestampdiff", {Str("MONTH"), Day("2026-01-31"), Day("2026-03-01")}) == "1");
}

BOOST_AUTO_TEST_CASE(time_texts) {
  const Argument ts = Ts("2026-03-01 13:04:05.678");
  const auto format = [&](const char* pattern) { return Call("date_format", {ts, Str(pattern)}); };
  BOOST_TEST(format("yyyy-MM-dd") == "2026-03-01");
  BOOST_TEST(format("yy/M/d h:mm:ss.SSS a") == "26/3/1 1:04:05.678 PM");
  BOOST_TEST(format("EEE, EEEE dd MMM MMMM") == "Sun, Sunday 01 Mar March");
  BOOST_TEST(format("'it''s' HH 'o''clock'") == "it's 13 o'clock");
  BOOST_TEST(format("DDD Q SSSSSS") == "060 1 678000");
  BOOST_TEST(format("YYYYww") == "202610");
  BOOST_TEST(format("jj").starts_with("!unknown letter"));
  BOOST_TEST(Call("date_format", {Ltz("2026-03-01 12:00:00"), Str("HH:mm XXX")}, "Europe/Berlin") ==
             "13:00 +01:00");
  BOOST_TEST(Call("to_timestamp", {Str("2026-03-01 13:04:05")}) == "2026-03-01 13:04:05.000");
  BOOST_TEST(Call("to_timestamp", {Str("01.03.2026 1:04 PM"), Str("dd.MM.yyyy h:mm a")}) ==
             "2026-03-01 13:04:00.000");
  BOOST_TEST(Call("to_timestamp", {Str("20260301130405"), Str("yyyyMMddHHmmss")}) ==
             "2026-03-01 13:04:05.000");
  BOOST_TEST(Call("to_timestamp", {Str("nonsense")}) == "NULL");
  BOOST_TEST(Call("to_timestamp", {Str("2026-13-01"), Str("yyyy-MM-dd")}) == "NULL");
  BOOST_TEST(Call("to_date", {Str("2026-03-01")}) == "2026-03-01");
  BOOST_TEST(Call("to_date", {Str("1 Mar 2026"), Str("d MMM yyyy")}) == "2026-03-01");
  BOOST_TEST(Call("to_timestamp_ltz", {Big(1'000), Int(3)}) == "1970-01-01 00:00:01.000");
  BOOST_TEST(Call("to_timestamp_ltz", {Big(1), Int(0)}) == "1970-01-01 00:00:01.000");
  BOOST_TEST(Call("from_unixtime", {Big(0)}, "Asia/Tokyo") == "1970-01-01 09:00:00");
  BOOST_TEST(Call("unix_timestamp", {Str("1970-01-01 09:00:00")}, "Asia/Tokyo") == "0");
  BOOST_TEST(Call("unix_timestamp", {Str("x")}) == "-9223372036854775808");
  BOOST_TEST(Call("convert_tz", {Str("1970-01-01 00:00:00"), Str("UTC"), Str("Asia/Tokyo")}) ==
             "1970-01-01 09:00:00");
}

BOOST_AUTO_TEST_CASE(clock_functions) {
  BOOST_TEST(CallMixed("now", {}, 0, "UTC").text.starts_with("2023-11-14 22:13:20.123"));
  BOOST_TEST(CallMixed("current_date", {}, 0, "Asia/Tokyo").text == "2023-11-15");
  BOOST_TEST(CallMixed("unix_timestamp", {}, 0, "UTC").text == "1700000000");
  BOOST_TEST(CallMixed("current_watermark", {Ts("2026-03-01 00:00:00")}, 1, "UTC").text ==
             "1970-01-01 00:00:42.000");
  BOOST_TEST(!BuiltinFunctions().ResolveScalar("now", {}).deterministic);
}

BOOST_AUTO_TEST_CASE(collections) {
  const Argument array{{Values{{int64_t{7}}, {int64_t{8}}}}, Type::MakeArray(TypeId::kInteger)};
  BOOST_TEST(Call("[]", {array, Int(1)}) == "7");
  BOOST_TEST(Call("[]", {array, Int(3)}) == "NULL");
  BOOST_TEST(Call("cardinality", {array}) == "2");
  BOOST_TEST(Call("array_contains", {array, Int(8)}) == "TRUE");
  const Argument map{{Values{{std::string("a")}, {int64_t{1}}, {std::string("b")}, {int64_t{2}}}},
                     Type::MakeMap(TypeId::kString, TypeId::kInteger)};
  BOOST_TEST(Call("[]", {map, Str("b")}) == "2");
  BOOST_TEST(Call("[]", {map, Str("c")}) == "NULL");
  BOOST_TEST(Call("=", {array, array}) == "TRUE");
  const std::string made = CallMixed("map", {Str("a"), Int(1), Str("b"), Int(2)}, 5, "UTC").text;
  BOOST_TEST(made == ToText(map.value, map.type));
}

BOOST_AUTO_TEST_CASE(resolution_errors) {
  const Type types[] = {TypeId::kBoolean};
  try {
    BuiltinFunctions().ResolveScalar("abs", types);
    BOOST_FAIL("abs(BOOLEAN) resolved");
  } catch (const Error& error) {
    BOOST_TEST((error.code == ErrorCode::kFunctionNotFound));
    BOOST_TEST(error.hint.find("abs(BIGINT)") != std::string::npos);
  }
  try {
    BuiltinFunctions().ResolveScalar("substing", types);
    BOOST_FAIL("substing resolved");
  } catch (const Error& error) {
    BOOST_TEST(error.hint.find("substring") != std::string::npos);
  }
  BOOST_TEST(BuiltinFunctions().HasScalar("lower"));
  BOOST_TEST(BuiltinFunctions().Names().size() > 120);
}
