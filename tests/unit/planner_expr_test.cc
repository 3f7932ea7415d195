// Binding of expressions: names, types, nullability, folding, and the errors.
#define BOOST_TEST_MODULE planner_expr
#include <boost/test/unit_test.hpp>

#include "parser/parse.h"
#include "planner/bind_expr.h"

using namespace millrace;

namespace {

Type NotNull(Type type) { return type.AsNullable(false); }

Type Char(uint32_t length) {
  Type type = TypeId::kString;
  type.length = length;
  type.fixed_length = true;
  return type;
}

struct Fixture {
  Catalog catalog;
  Session session;
  PlanContext context{&catalog, &session, ".", {}};
  std::vector<Notice> notices;
  Scope scope;
  std::vector<std::string> names;

  Fixture() {
    const Type person = Type::MakeRow(
        {{"id", NotNull(TypeId::kBigInt)},
         {"Address", Type::MakeRow({{"city", TypeId::kString}, {"zip", TypeId::kInteger}})}});
    const std::vector<Field> fields = {{"id", NotNull(TypeId::kInteger)},
                                       {"price", TypeId::kBigInt},
                                       {"name", TypeId::kString},
                                       {"ts", Type::MakeTimestamp(3)},
                                       {"ok", TypeId::kBoolean},
                                       {"amount", Type::MakeDecimal(10, 2)},
                                       {"person", person},
                                       {"day", TypeId::kDate},
                                       {"dateTime", Type::MakeTimestampLtz(3)},
                                       {"x", TypeId::kDouble}};
    scope = ScopeOf(fields, "bid");
    for (const Field& field : fields) names.push_back(field.name);
  }

  ExprPtr Bind(std::string_view sql) {
    notices.clear();
    return BindExpr(*ParseExpression(sql), scope, context, &notices);
  }
  std::string Text(std::string_view sql) { return ToString(*Bind(sql), names); }
  std::string TypeOf(std::string_view sql) { return Bind(sql)->type.ToString(); }

  // The error's code, the text at its range, and its message.
  std::string ErrorOf(std::string_view sql) {
    try {
      Bind(sql);
    } catch (const Error& error) {
      BOOST_REQUIRE(error.range.has_value());
      BOOST_REQUIRE_LE(error.range->offset + error.range->length, sql.size());
      return std::string(InfoOf(error.code).name) + " at <" +
             std::string(sql.substr(error.range->offset, error.range->length)) + "> " +
             error.message + (error.hint.empty() ? "" : " | " + error.hint);
    }
    return "no error";
  }
  bool Fails(std::string_view sql, std::string_view part) {
    const std::string error = ErrorOf(sql);
    if (error.find(part) == std::string::npos) BOOST_TEST_MESSAGE(sql << " -> " << error);
    return error.find(part) != std::string::npos;
  }
  void AddFunction(std::string_view sql) {
    std::vector<ast::Statement> statements = Parse(sql);
    const auto& create = std::get<ast::CreateFunction>(statements[0].node);
    catalog.AddFunction(BindCreateFunction(create, std::string(sql), context), create.or_replace);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(Expressions, Fixture)

BOOST_AUTO_TEST_CASE(NumbersHaveTheLeastType) {
  BOOST_TEST(TypeOf("1") == "INTEGER NOT NULL");
  BOOST_TEST(TypeOf("2147483648") == "BIGINT NOT NULL");
  BOOST_TEST(TypeOf("-2147483648") == "INTEGER NOT NULL");
  BOOST_TEST(TypeOf("-9223372036854775808") == "BIGINT NOT NULL");
  BOOST_TEST(TypeOf("9223372036854775808") == "DECIMAL(19, 0) NOT NULL");
  BOOST_TEST(TypeOf("12.50") == "DECIMAL(4, 2) NOT NULL");
  BOOST_TEST(TypeOf("1e3") == "DOUBLE NOT NULL");
  BOOST_TEST(Text("-1.5") == "-1.5");
  BOOST_TEST(Fails("123456789012345678901234567890123456789", "INVALID_VALUE at <1234"));
}

BOOST_AUTO_TEST_CASE(OtherLiterals) {
  BOOST_TEST(TypeOf("'añb'") == "CHAR(3) NOT NULL");
  BOOST_TEST(TypeOf("''") == "STRING NOT NULL");
  BOOST_TEST(TypeOf("X'45F0'") == "BINARY(2) NOT NULL");
  BOOST_TEST(TypeOf("NULL") == "NULL");
  BOOST_TEST(TypeOf("TRUE") == "BOOLEAN NOT NULL");
  BOOST_TEST(Text("DATE '2026-03-01'") == "DATE '2026-03-01'");
  BOOST_TEST(TypeOf("TIMESTAMP '2026-03-01 10:00:00.123'") == "TIMESTAMP(3) NOT NULL");
  BOOST_TEST(TypeOf("INTERVAL '10' MINUTE") == "INTERVAL DAY TO SECOND NOT NULL");
  BOOST_TEST(TypeOf("INTERVAL '2-10' YEAR TO MONTH") == "INTERVAL YEAR TO MONTH NOT NULL");
  BOOST_TEST(Fails("1 + CAST(DATE '2026-13-01' AS INT)", "INVALID_VALUE at <DATE '2026-13-01'>"));
  BOOST_TEST(Fails("INTERVAL 'x' DAY", "is not a valid INTERVAL DAY"));
}

BOOST_AUTO_TEST_CASE(IntervalsAsMicroseconds) {
  const auto micros = [&](std::string_view sql) {
    return BindIntervalMicros(*ParseExpression(sql), context);
  };
  BOOST_TEST(micros("INTERVAL '10' SECOND") == 10'000'000);
  BOOST_TEST(micros("INTERVAL -'1' MINUTE") == -60'000'000);
  BOOST_TEST(micros("-INTERVAL '0.001' SECOND") == -1'000);
  BOOST_CHECK_THROW(micros("INTERVAL '1' MONTH"), Error);
  BOOST_CHECK_THROW(micros("10"), Error);
}

BOOST_AUTO_TEST_CASE(NamesResolve) {
  BOOST_TEST(Text("price") == "price");
  BOOST_TEST(Text("bid.price") == "price");
  BOOST_TEST(Text("`default_catalog`.default_database.bid.price") == "price");
  BOOST_TEST(Text("person.id") == "person.id");
  BOOST_TEST(Text("bid.person.Address.city") == "person.Address.city");
  BOOST_TEST(TypeOf("person.id") == "BIGINT");
  BOOST_TEST(notices.empty());
}

BOOST_AUTO_TEST_CASE(CaseIsIgnoredWithANotice) {
  BOOST_TEST(Text("PRICE") == "price");
  BOOST_REQUIRE_EQUAL(notices.size(), 1);
  BOOST_TEST(notices[0].code == "NAME_CASE");
  BOOST_TEST(Text("BID.DATETIME") == "dateTime");
  BOOST_TEST(Text("person.address.CITY") == "person.Address.city");
  scope.columns.push_back({"bid", "Price", TypeId::kInteger});
  names.push_back("Price");
  BOOST_TEST(Text("Price") == "Price");
  BOOST_TEST(Fails("PRICE", "AMBIGUOUS_COLUMN at <PRICE>"));
}

BOOST_AUTO_TEST_CASE(UnknownNames) {
  BOOST_TEST(Fails("1 + pric", "COLUMN_NOT_FOUND at <pric>"));
  BOOST_TEST(Fails("pric", "did you mean \"price\"?"));
  BOOST_TEST(Fails("bid.nam", "did you mean \"name\"?"));
  BOOST_TEST(Fails("bud.name", "did you mean \"bid\"?"));
  BOOST_TEST(Fails("person.Address.cty", "did you mean \"city\"?"));
  BOOST_TEST(Fails("price.x", "\"price\" has no fields"));
  BOOST_TEST(Fails("\"hello world\"", "single quotes"));
}

BOOST_AUTO_TEST_CASE(AmbiguousNames) {
  scope.columns.push_back({"other", "price", TypeId::kInteger});
  names.push_back("other.price");
  BOOST_TEST(Fails("price", "it may be bid.price or other.price"));
  BOOST_TEST(Text("other.price") == "other.price");
}

BOOST_AUTO_TEST_CASE(Arithmetic) {
  BOOST_TEST(TypeOf("id + 1") == "INTEGER NOT NULL");
  BOOST_TEST(TypeOf("price + 1") == "BIGINT");
  BOOST_TEST(TypeOf("x * 2") == "DOUBLE");
  BOOST_TEST(Text("1 + 2 * 3") == "7");
  BOOST_TEST(TypeOf("ts - INTERVAL '5' SECOND") == "TIMESTAMP(3)");
  BOOST_TEST(Fails("price + ok",
                   "TYPE_MISMATCH at <price + ok> operator + does not take BIGINT "
                   "and BOOLEAN"));
}

BOOST_AUTO_TEST_CASE(AFailingConstantIsLeftToTheRows) {
  BOOST_TEST(Text("1 / 0") == "1 / 0");
  BOOST_TEST(Text("CAST('abc' AS INT)") == "CAST('abc' AS INTEGER)");
  BOOST_TEST(Text("TRY_CAST('abc' AS INT)") == "NULL");
  BOOST_TEST(Text("CAST('12' AS INT)") == "12");
}

BOOST_AUTO_TEST_CASE(ComparisonsConvert) {
  BOOST_TEST(Text("price > 10") == "price > 10");
  BOOST_TEST(TypeOf("price > 10") == "BOOLEAN");
  BOOST_TEST(TypeOf("id > 10") == "BOOLEAN NOT NULL");
  BOOST_TEST(Text("day = '2026-03-01'") == "day = DATE '2026-03-01'");
  BOOST_TEST(Text("'2026-03-01 10:00:00' < ts").find("TIMESTAMP '2026-03-01") == 0);
  BOOST_TEST(Text("price = '12'") == "price = 12");
  BOOST_TEST(Text("ok = 'true'") == "ok = TRUE");
  BOOST_TEST(TypeOf("id IS DISTINCT FROM NULL") == "BOOLEAN NOT NULL");
  BOOST_TEST(Fails("day = 'monday'", "TYPE_MISMATCH at <'monday'>"));
  BOOST_TEST(Fails("ts = ok", "TYPE_MISMATCH at <ts = ok>"));
}

BOOST_AUTO_TEST_CASE(LogicIsFlat) {
  BOOST_TEST(Text("ok AND price > 1 AND id = 2") == "ok AND (price > 1) AND (id = 2)");
  BOOST_TEST(Text("ok OR (ok AND id = 1) OR TRUE") == "ok OR (ok AND (id = 1)) OR TRUE");
  BOOST_TEST(Text("NULL AND FALSE") == "FALSE");
  BOOST_TEST(TypeOf("id = 1 AND id = 2") == "BOOLEAN NOT NULL");
  BOOST_TEST(Fails("ok AND price", "TYPE_MISMATCH at <price>"));
  BOOST_TEST(Fails("NOT name", "TYPE_MISMATCH at <name>"));
}

BOOST_AUTO_TEST_CASE(Between) {
  BOOST_TEST(Text("price BETWEEN 1 AND 5") == "(price >= 1) AND (price <= 5)");
  BOOST_TEST(Text("price NOT BETWEEN 1 AND 5") == "(price < 1) OR (price > 5)");
  BOOST_TEST(Text("3 BETWEEN SYMMETRIC 5 AND 1") == "TRUE");
  BOOST_TEST(Text("3 BETWEEN 5 AND 1") == "FALSE");
}

BOOST_AUTO_TEST_CASE(In) {
  BOOST_TEST(Text("price IN (1, 2, 3)") == "price IN (1, 2, 3)");
  BOOST_TEST(Text("name NOT IN ('a', 'bc')") == "name NOT IN ('a', 'bc')");
  BOOST_TEST(Text("1 IN (2, NULL)") == "NULL");
  BOOST_TEST(Text("2 IN (2, NULL)") == "TRUE");
  BOOST_TEST(Text("1 NOT IN (2, NULL)") == "NULL");
  BOOST_TEST(Text("id IN (1, price)") == "(id = 1) OR (CAST(id AS BIGINT) = price)");
  BOOST_TEST(Text("day IN ('2026-03-01')") == "day IN (DATE '2026-03-01')");
  BOOST_TEST(Text("(1, 'a') IN ((2, 'b'), (1, 'a'))") == "TRUE");
  BOOST_TEST(Fails("price IN (1, 'x')", "TYPE_MISMATCH at <'x'>"));
}

BOOST_AUTO_TEST_CASE(Tests) {
  BOOST_TEST(TypeOf("price IS NULL") == "BOOLEAN NOT NULL");
  BOOST_TEST(Text("ok IS NOT TRUE") == "ok IS NOT TRUE");
  BOOST_TEST(Text("NULL IS NULL") == "TRUE");
  BOOST_TEST(Text("(1 = NULL) IS UNKNOWN") == "TRUE");
  BOOST_TEST(Fails("price IS TRUE", "TYPE_MISMATCH at <price>"));
  BOOST_TEST(Fails("name IS JSON", "UNSUPPORTED_FEATURE at <name IS JSON>"));
}

BOOST_AUTO_TEST_CASE(Patterns) {
  BOOST_TEST(Text("'abc' LIKE 'a%'") == "TRUE");
  BOOST_TEST(Text("'a%' LIKE 'a#%' ESCAPE '#'") == "TRUE");
  BOOST_TEST(Text("'abc' NOT LIKE '_b_'") == "FALSE");
  BOOST_TEST(Text("'ABC' ILIKE 'a%'") == "TRUE");
  BOOST_TEST(TypeOf("name SIMILAR TO 'a|b'") == "BOOLEAN");
}

BOOST_AUTO_TEST_CASE(Case) {
  BOOST_TEST(TypeOf("CASE WHEN ok THEN id ELSE price END") == "BIGINT");
  BOOST_TEST(TypeOf("CASE WHEN ok THEN 1 ELSE 2 END") == "INTEGER NOT NULL");
  BOOST_TEST(TypeOf("CASE WHEN ok THEN 1 END") == "INTEGER");
  BOOST_TEST(TypeOf("CASE WHEN ok THEN 'a' ELSE 'bcd' END") == "VARCHAR(3) NOT NULL");
  BOOST_TEST(Text("CASE id WHEN 1 THEN 'a' ELSE 'b' END") ==
             "CASE WHEN id = 1 THEN 'a' ELSE 'b' END");
  BOOST_TEST(Text("CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END") == "'b'");
  BOOST_TEST(TypeOf("CASE WHEN ok THEN ts ELSE '2026-01-01' END") == "TIMESTAMP(3)");
  BOOST_TEST(Fails("CASE WHEN ok THEN 1 ELSE day END", "TYPE_MISMATCH at <day>"));
}

BOOST_AUTO_TEST_CASE(Conditional) {
  BOOST_TEST(TypeOf("COALESCE(price, 0)") == "BIGINT NOT NULL");
  BOOST_TEST(TypeOf("COALESCE(price, NULL)") == "BIGINT");
  BOOST_TEST(Text("COALESCE(NULL, 3)") == "3");
  BOOST_TEST(Text("COALESCE(id, 3)") == "id");
  BOOST_TEST(TypeOf("IFNULL(x, 1)") == "DOUBLE NOT NULL");
  BOOST_TEST(TypeOf("IF(ok, 1, 2.5)") == "DECIMAL(11, 1) NOT NULL");
  BOOST_TEST(TypeOf("NULLIF(id, 0)") == "INTEGER");
  BOOST_TEST(Text("NULLIF(1, 1)") == "NULL");
}

BOOST_AUTO_TEST_CASE(Constructors) {
  BOOST_TEST(TypeOf("ROW(1, name)") == "ROW<`EXPR$0` INTEGER NOT NULL, `EXPR$1` STRING> NOT NULL");
  BOOST_TEST(Text("ROW(1, name).EXPR$1") == "name");
  BOOST_TEST(TypeOf("ARRAY[1, price]") == "ARRAY<BIGINT> NOT NULL");
  BOOST_TEST(Fails("ARRAY[1, ok]", "TYPE_MISMATCH at <ok>"));
  BOOST_TEST(TypeOf("MAP['a', 1]") == "MAP<CHAR(1) NOT NULL, INTEGER NOT NULL> NOT NULL");
}

BOOST_AUTO_TEST_CASE(Overlaps) {
  BOOST_TEST(Text("(TIME '02:55:00', INTERVAL '1' HOUR) OVERLAPS "
                  "(TIME '03:30:00', INTERVAL '2' HOUR)") == "TRUE");
  BOOST_TEST(Text("(DATE '2026-01-02', DATE '2026-01-01') OVERLAPS "
                  "(DATE '2026-01-03', DATE '2026-01-04')") == "FALSE");
}

BOOST_AUTO_TEST_CASE(Calls) {
  BOOST_TEST(Text("UPPER('abc')") == "'ABC'");
  BOOST_TEST(TypeOf("CHAR_LENGTH(name)") == "INTEGER");
  BOOST_TEST(TypeOf("EXTRACT(DAY FROM ts)") == "BIGINT");
  BOOST_TEST(TypeOf("CURRENT_TIMESTAMP") == "TIMESTAMP_LTZ(3) NOT NULL");
  BOOST_TEST(Text("TYPEOF(price)") == "'BIGINT'");
  BOOST_TEST(Text("CURRENT_DATABASE()") == "'default_database'");
  BOOST_TEST(!std::holds_alternative<LiteralExpr>(Bind("RAND()")->node));
  BOOST_TEST(Fails("UPPR(name)", "FUNCTION_NOT_FOUND at <UPPR>"));
  BOOST_TEST(Fails("UPPR(name)", "did you mean \"upper\"?"));
  BOOST_TEST(Fails("MY_JSON(name)", "FUNCTION_NOT_FOUND"));
  BOOST_TEST(Fails("BITMAP_BUILD(name)", "UNSUPPORTED_FEATURE at <BITMAP_BUILD>"));
  BOOST_TEST(Fails("UPPER(ok, ok)", "FUNCTION_NOT_FOUND at <UPPER(ok, ok)>"));
}

BOOST_AUTO_TEST_CASE(WhatIsNotAllowed) {
  BOOST_TEST(Fails("SUM(price)", "BAD_REQUEST at <SUM(price)>"));
  BOOST_TEST(Fails("ROW_NUMBER() OVER (ORDER BY ts)", "BAD_REQUEST"));
  BOOST_TEST(Fails("id IN (SELECT 1)", "UNSUPPORTED_FEATURE at <id IN (SELECT 1)>"));
  BOOST_TEST(Fails("EXISTS (SELECT 1)", "UNSUPPORTED_FEATURE"));
  BOOST_TEST(Fails("(SELECT 1) + 1", "UNSUPPORTED_FEATURE"));
  BOOST_TEST(Fails("price > ALL (SELECT 1)", "UNSUPPORTED_FEATURE"));
  BOOST_TEST(Fails("TUMBLE_START(ts, INTERVAL '1' HOUR)", "GROUP BY TUMBLE"));
  BOOST_TEST(Fails("UPPER(DISTINCT name)", "BAD_REQUEST"));
  BOOST_TEST(Fails("CAST(ok AS DATE)", "TYPE_MISMATCH at <CAST(ok AS DATE)>"));
}

BOOST_AUTO_TEST_CASE(PredicatesAreBoolean) {
  const ast::ExprPtr sum = ParseExpression("SUM(price) > 1");
  try {
    BindPredicate(*sum, scope, context, "WHERE", nullptr);
    BOOST_ERROR("no error");
  } catch (const Error& error) {
    BOOST_TEST(error.message == "aggregate function SUM is not allowed in WHERE");
  }
  BOOST_CHECK_THROW(BindPredicate(*ParseExpression("1"), scope, context, "WHERE", nullptr), Error);
  BOOST_TEST((BindPredicate(*ParseExpression("NULL"), scope, context, "ON", nullptr)->type.id ==
              TypeId::kBoolean));
}

BOOST_AUTO_TEST_CASE(Parameters) {
  context.parameters = {Value{int64_t{7}}, Value{std::string("2026-03-01")}, Value{},
                        Value{Values{Value{int64_t{1}}, Value{2.5}}}};
  BOOST_TEST(Text("price > $1") == "price > 7");
  BOOST_TEST(Text("day = $2") == "day = DATE '2026-03-01'");
  BOOST_TEST(Text("$3 IS NULL") == "TRUE");
  BOOST_TEST(TypeOf("$4") == "ARRAY<DOUBLE NOT NULL> NOT NULL");
  BOOST_TEST(Fails("$5", "BAD_REQUEST at <$5> parameter $5 has no value: 4 were given"));
}

BOOST_AUTO_TEST_CASE(SqlFunctionsAreInlined) {
  AddFunction("CREATE FUNCTION twice(a BIGINT) RETURNS BIGINT RETURN a + a");
  AddFunction("CREATE FUNCTION full_name(a STRING, b STRING) RETURNS STRING RETURN a || ' ' || b");
  BOOST_TEST(Text("twice(price)") == "price + price");
  BOOST_TEST(Text("TWICE(21)") == "42");
  BOOST_TEST(Text("full_name('a', 'b')") == "'a b'");
  BOOST_TEST(Fails("twice(ok)", "TYPE_MISMATCH at <ok>"));
  BOOST_TEST(Fails("twice(1, 2)", "FUNCTION_NOT_FOUND at <twice(1, 2)>"));
  BOOST_CHECK_THROW(AddFunction("CREATE FUNCTION f(a INT) RETURNS INT RETURN f(a)"), Error);
  BOOST_CHECK_THROW(AddFunction("CREATE FUNCTION upper(a INT) RETURNS INT RETURN a"), Error);
  BOOST_CHECK_THROW(AddFunction("CREATE FUNCTION f(a INT) RETURNS INT RETURN b"), Error);
  BOOST_CHECK_THROW(AddFunction("CREATE FUNCTION f(a DATE) RETURNS INT RETURN a"), Error);
}

BOOST_AUTO_TEST_CASE(LongAndDeepExpressions) {
  std::string sum = "price";
  for (int i = 0; i < 1900; ++i) sum += " + id";
  BOOST_TEST(TypeOf(sum) == "BIGINT");
  std::string any = "ok";
  for (int i = 0; i < 1900; ++i) any += " OR price = 1";
  BOOST_TEST(std::get<LogicExpr>(Bind(any)->node).arguments.size() == 1901);
}

BOOST_AUTO_TEST_CASE(ExpressionsThatGrowWithoutBoundAreRefused) {
  const auto nested = [](std::string expr, std::string_view before, std::string_view behind) {
    for (int i = 0; i < 40; ++i) expr.insert(0, before).append(behind);
    return expr;
  };
  BOOST_TEST(Fails(nested("price", "COALESCE(", ", price)"), "TOO_LARGE"));
  BOOST_TEST(Fails(nested("price", "NULLIF(", ", id)"), "TOO_LARGE"));
  BOOST_TEST(Fails(nested("ok", "((", ") BETWEEN SYMMETRIC ok AND ok)"), "TOO_LARGE"));
  BOOST_TEST(Fails(nested("ok", "(CASE ", " WHEN ok THEN ok WHEN ok THEN ok END)"), "TOO_LARGE"));
  BOOST_TEST(Fails(nested("ok", "((", ") IN (ok, ok, ok))"), "TOO_LARGE"));
  AddFunction("CREATE FUNCTION twice(a BIGINT) RETURNS BIGINT RETURN a + a");
  BOOST_TEST(Fails(nested("price", "twice(", ")"), "TOO_LARGE"));
}

BOOST_AUTO_TEST_CASE(RecursionThroughAnotherFunctionIsRefused) {
  AddFunction("CREATE FUNCTION f(a INT) RETURNS INT RETURN a");
  AddFunction("CREATE FUNCTION g(a INT) RETURNS INT RETURN f(a)");
  AddFunction("CREATE OR REPLACE FUNCTION f(a INT) RETURNS INT RETURN g(a)");
  BOOST_TEST(Fails("f(1)", "calls itself"));
}

BOOST_AUTO_TEST_CASE(StarsOfAScope) {
  scope.columns.push_back({"t", "hidden", TypeId::kInteger, true});
  scope.columns.push_back({"t", "a", TypeId::kInteger});
  BOOST_TEST(scope.Star({}).size() == names.size() + 1);
  ast::QualifiedName t;
  t.parts.push_back({"T", {}, false});
  BOOST_TEST(scope.Star(t).size() == 1);
  t.parts[0].text = "u";
  BOOST_TEST(scope.Star(t).empty());
}

BOOST_AUTO_TEST_CASE(ReplaceGoesFirst) {
  scope.replace = [&](const ast::Expr& expr) -> ExprPtr {
    const auto* call = std::get_if<ast::FunctionCall>(&expr.node);
    return call ? MakeColumnExpr(0, TypeId::kBigInt, expr.range) : nullptr;
  };
  BOOST_TEST(Text("SUM(price) + 1") == "id + 1");
}

BOOST_AUTO_TEST_CASE(VisitsAreOutermostFirst) {
  std::vector<size_t> lengths;
  VisitExpr(*ParseExpression("f(a + 1) + g(b)"), [&](const ast::Expr& expr) {
    lengths.push_back(expr.range.length);
    return true;
  });
  BOOST_TEST(lengths == (std::vector<size_t>{15, 8, 5, 1, 1, 4, 1}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(Filters) {
  const Schema schema = {{"a", TypeId::kInteger}};
  BOOST_TEST((BindFilter(*ParseExpression("a > 1"), schema, context)->type.id == TypeId::kBoolean));
  BOOST_CHECK_THROW(BindFilter(*ParseExpression("a + 1"), schema, context), Error);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(TypesByName) {
  const auto resolve = [](std::string_view sql, std::vector<Notice>* notices = nullptr) {
    const ast::ExprPtr cast = ParseExpression("CAST(NULL AS " + std::string(sql) + ")");
    return ResolveType(std::get<ast::Cast>(cast->node).type, notices);
  };
  BOOST_TEST(resolve("VARCHAR").ToString() == "STRING");
  BOOST_TEST(resolve("VARCHAR(5) NOT NULL").ToString() == "VARCHAR(5) NOT NULL");
  BOOST_TEST(resolve("CHAR").SameAs(Char(1)));
  BOOST_TEST(resolve("DECIMAL").ToString() == "DECIMAL(10, 0)");
  BOOST_TEST(resolve("DEC(38, 18)").ToString() == "DECIMAL(38, 18)");
  BOOST_TEST(resolve("DOUBLE PRECISION").ToString() == "DOUBLE");
  BOOST_TEST(resolve("TIMESTAMP").ToString() == "TIMESTAMP(6)");
  BOOST_TEST(resolve("TIMESTAMP(3) WITH LOCAL TIME ZONE").ToString() == "TIMESTAMP_LTZ(3)");
  BOOST_TEST(resolve("MAP<STRING, ARRAY<INT>>").ToString() == "MAP<STRING, ARRAY<INTEGER>>");
  BOOST_TEST(resolve("ROW<a INT, b STRING>").ToString() == "ROW<`a` INTEGER, `b` STRING>");
  std::vector<Notice> notices;
  BOOST_TEST(resolve("TIMESTAMP(9)", &notices).precision == 6);
  BOOST_TEST(notices.size() == 1);
  BOOST_CHECK_THROW(resolve("DECIMAL(39, 0)"), Error);
  BOOST_TEST(resolve("MULTISET<INT>").ToString() == "MULTISET<INTEGER>");
  BOOST_TEST(resolve("INT MULTISET NOT NULL").ToString() == "MULTISET<INTEGER> NOT NULL");
  BOOST_CHECK_THROW(resolve("TIMESTAMP(3) WITH TIME ZONE"), Error);
}
