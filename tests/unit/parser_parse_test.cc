// Trees, positions, error messages and limits of the parser.
#define BOOST_TEST_MODULE parser_parse
#include <boost/test/unit_test.hpp>
#include <string>
#include <string_view>

#include "parser/parse.h"
#include "parser/print.h"

namespace millrace {
namespace {

std::string_view TextOf(std::string_view sql, SourceRange range) {
  return sql.substr(range.offset, range.length);
}

Error ErrorOf(std::string_view sql) {
  const auto error = FirstSyntaxError(sql);
  BOOST_TEST_REQUIRE(error.has_value(), "no error in: " << sql);
  return *error;
}

void CheckError(std::string_view sql, std::string_view at, std::string_view message,
                std::string_view hint = "") {
  BOOST_TEST_CONTEXT(sql) {
    const Error error = ErrorOf(sql);
    BOOST_TEST(error.message == message);
    BOOST_TEST(error.hint == hint);
    BOOST_TEST(InfoOf(error.code).name == "SQL_SYNTAX");
    BOOST_TEST_REQUIRE(error.range.has_value());
    BOOST_TEST(TextOf(sql, *error.range) == at);
  }
}

const ast::Select& SelectOf(const std::vector<ast::Statement>& statements, size_t i = 0) {
  const auto& query = *std::get<ast::QueryStatement>(statements.at(i).node).query;
  return std::get<ast::Select>(query.body);
}

BOOST_AUTO_TEST_CASE(ScriptsAreSplit) {
  const std::string_view sql = "SELECT 1; ; -- none\n  SHOW TABLES ;;SELECT 'a;b'";
  const auto statements = Parse(sql);
  BOOST_TEST_REQUIRE(statements.size() == 3U);
  BOOST_TEST(TextOf(sql, statements[0].range) == "SELECT 1");
  BOOST_TEST(TextOf(sql, statements[1].range) == "SHOW TABLES");
  BOOST_TEST(TextOf(sql, statements[2].range) == "SELECT 'a;b'");
  BOOST_TEST(Parse("").empty());
  BOOST_TEST(Parse(" ; /* nothing */ ;").empty());
}

BOOST_AUTO_TEST_CASE(PositionsAreBytes) {
  const std::string_view sql = "\xEF\xBB\xBFSELECT '▲' AS \"Ü\", t.x /* ▲ */ FROM t WHERE a = 1";
  const auto statements = Parse(sql);
  const auto& select = SelectOf(statements);
  BOOST_TEST(TextOf(sql, statements[0].range) == sql.substr(3));
  BOOST_TEST(TextOf(sql, select.items[0].range) == "'▲' AS \"Ü\"");
  BOOST_TEST(TextOf(sql, select.items[0].alias->range) == "\"Ü\"");
  BOOST_TEST(select.items[0].alias->text == "Ü");
  BOOST_TEST(TextOf(sql, select.items[1].expr->range) == "t.x");
  BOOST_TEST(TextOf(sql, select.from->range) == "t");
  BOOST_TEST(TextOf(sql, select.where->range) == "a = 1");
  CheckError("SELECT '▲' FORM t", "FORM",
             "expected FROM, WHERE, a comma or the end of the statement, but found \"FORM\"",
             "did you mean \"FROM\"?");
}

BOOST_AUTO_TEST_CASE(RangesOfOperators) {
  const std::string_view sql = "a + b * c = d AND NOT e IS NULL OR f";
  const auto expr = ParseExpression(sql);
  const auto& disjunction = std::get<ast::Binary>(expr->node);
  BOOST_TEST((disjunction.op == ast::BinaryOp::kOr));
  const auto& conjunction = std::get<ast::Binary>(disjunction.left->node);
  BOOST_TEST(TextOf(sql, disjunction.left->range) == "a + b * c = d AND NOT e IS NULL");
  BOOST_TEST(TextOf(sql, conjunction.left->range) == "a + b * c = d");
  BOOST_TEST(TextOf(sql, conjunction.right->range) == "NOT e IS NULL");
  const auto& sum = std::get<ast::Binary>(std::get<ast::Binary>(conjunction.left->node).left->node);
  BOOST_TEST((sum.op == ast::BinaryOp::kAdd));
  BOOST_TEST(TextOf(sql, sum.right->range) == "b * c");
}

BOOST_AUTO_TEST_CASE(OptionsHavePositions) {
  const std::string_view sql = "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', topic = x)";
  const auto statements = Parse(sql);
  const auto& table = std::get<ast::CreateTable>(statements[0].node);
  BOOST_TEST_REQUIRE(table.options.size() == 2U);
  BOOST_TEST(table.options[0].key == "connector");
  BOOST_TEST(table.options[0].value == "kafka");
  BOOST_TEST(TextOf(sql, table.options[0].key_range) == "'connector'");
  BOOST_TEST(TextOf(sql, table.options[0].value_range) == "'kafka'");
  BOOST_TEST(table.options[1].value == "x");
}

BOOST_AUTO_TEST_CASE(ViewsKeepTheTextOfTheirQuery) {
  const std::string_view sql =
      "CREATE MATERIALIZED VIEW v AS SELECT a FROM t EMIT ON WINDOW CLOSE;";
  const auto statements = Parse(sql);
  const auto& view = std::get<ast::CreateMaterializedView>(statements[0].node);
  BOOST_TEST(TextOf(sql, view.query->range) == "SELECT a FROM t EMIT ON WINDOW CLOSE");
  BOOST_TEST((view.query->emit.kind == ast::EmitKind::kOnWindowClose));
}

BOOST_AUTO_TEST_CASE(UnsupportedStatementsHaveTheirPlace) {
  const std::string_view sql = "SELECT 1; COMPILE PLAN '/p' FOR INSERT INTO t SELECT 1";
  const auto statements = Parse(sql);
  const auto& unsupported = std::get<ast::Unsupported>(statements.at(1).node);
  BOOST_TEST(unsupported.what == "COMPILE PLAN");
  BOOST_TEST(TextOf(sql, unsupported.range) == "COMPILE PLAN");
}

BOOST_AUTO_TEST_CASE(LiteralsAreDecoded) {
  const auto literal = [](std::string_view sql) {
    const ast::ExprPtr expr = ParseExpression(sql);
    return std::get<ast::Literal>(expr->node);
  };
  BOOST_TEST(literal("'it''s'").text == "it's");
  BOOST_TEST(literal("U&'\\0041\\+01F600\\\\'").text == "A😀\\");
  BOOST_TEST(literal("x'45f0'").text == "E\xF0");
  const ast::Literal interval = literal("INTERVAL -'10 00:00:00.004' days(3) to second(2)");
  BOOST_TEST(interval.negative);
  BOOST_TEST(interval.text == "10 00:00:00.004");
  BOOST_TEST((interval.interval.from == ast::IntervalUnit::kDay));
  BOOST_TEST((interval.interval.to == ast::IntervalUnit::kSecond));
  BOOST_TEST(interval.interval.precision.value() == 3);
  BOOST_TEST(interval.interval.second_precision.value() == 2);
  BOOST_TEST((literal("INTERVAL '5 minutes'").interval.from == ast::IntervalUnit::kMinute));
}

BOOST_AUTO_TEST_CASE(SpecialCallsAreNormalised) {
  const auto call = [](std::string_view sql) {
    ast::ExprPtr expr = ParseExpression(sql);
    return std::move(std::get<ast::FunctionCall>(expr->node));
  };
  const auto unit = [](const ast::FunctionCall& f, size_t i) {
    return std::get<ast::Literal>(f.args.at(i).value->node).text;
  };
  BOOST_TEST(unit(call("EXTRACT(day FROM ts)"), 0) == "DAY");
  BOOST_TEST(unit(call("FLOOR(ts TO hours)"), 1) == "HOUR");
  BOOST_TEST(unit(call("TIMESTAMPDIFF(SQL_TSI_MINUTE, a, b)"), 0) == "MINUTE");
  BOOST_TEST(unit(call("TRIM(LEADING FROM s)"), 0) == "LEADING");
  BOOST_TEST(unit(call("TRIM('x' FROM s)"), 0) == "BOTH");
  BOOST_TEST(call("SUBSTRING(s FROM 1 FOR 2)").args.size() == 3U);
  BOOST_TEST(call("POSITION('a' IN s)").args.size() == 2U);
  BOOST_TEST(call("JSON_OBJECT('a' VALUE 1, 'b' : 2)").args.size() == 4U);
  BOOST_TEST(call("current_timestamp").niladic);
  BOOST_TEST(std::holds_alternative<ast::ColumnRef>(ParseExpression("`current_timestamp`")->node));
}

BOOST_AUTO_TEST_CASE(TablesNest) {
  const auto statements = Parse("SELECT * FROM a, b JOIN c ON x");
  const auto& comma = std::get<ast::JoinRef>(SelectOf(statements).from->node);
  BOOST_TEST((comma.kind == ast::JoinKind::kCross));
  BOOST_TEST(std::holds_alternative<ast::TableRef>(comma.left->node));
  BOOST_TEST(std::holds_alternative<ast::JoinRef>(comma.right->node));
}

BOOST_AUTO_TEST_CASE(MessagesSayWhatWasExpected) {
  CheckError("SELECT a FORM t", "FORM",
             "expected FROM, WHERE, a comma or the end of the statement, but found \"FORM\"",
             "did you mean \"FROM\"?");
  CheckError("SELEC a FROM t", "SELEC",
             "expected a statement such as SELECT, INSERT or CREATE, but found \"SELEC\"",
             "did you mean \"SELECT\"?");
  CheckError("SELECT a FROM", "", "expected a name, but found the end of the text");
  CheckError("SELECT FROM t", "FROM", "expected an expression, but found \"FROM\"");
  CheckError("SELECT (a + 1 FROM t", "FROM", "expected a comma or \")\", but found \"FROM\"");
  CheckError("SELECT order FROM t", "order", "expected an expression, but found \"order\"",
             "\"order\" is a reserved word; as a name it needs backticks: `order`");
  CheckError("CREATE TABLE t (a INT b STRING)", "b", "expected a comma or \")\", but found \"b\"");
  CheckError("CREATE MATERIALIZED VEIW v AS SELECT 1", "VEIW",
             "expected TABLE or VIEW, but found \"VEIW\"", "did you mean \"VIEW\"?");
  CheckError("CREATE TABLE t (a INT) WITH ('a' 'b')", "'b'",
             "expected \"=\", but found the string 'b'");
  CheckError("SELECT a FROM t GROUP a", "a", "expected BY, but found \"a\"");
  CheckError("SELECT CASE WHEN a THEN b FROM t", "FROM",
             "expected WHEN, ELSE or END, but found \"FROM\"");
}

BOOST_AUTO_TEST_CASE(StatementsNeedSemicolons) {
  const Error error = ErrorOf("INSERT INTO t SELECT 1 INSERT INTO b SELECT 2");
  BOOST_TEST(error.hint == "statements are separated by semicolons");
  BOOST_TEST(error.range->offset == 23U);
}

BOOST_AUTO_TEST_CASE(WhatTheGrammarLetsPassIsChecked) {
  CheckError("SELECT INTERVAL '1' DAZ", "DAZ", "\"DAZ\" is not a unit of an interval",
             "did you mean \"DAY\"?");
  CheckError("SELECT INTERVAL '1'", "INTERVAL '1'", "an interval needs a unit",
             "for example INTERVAL '1' DAY");
  CheckError("SELECT EXTRACT(foo FROM x)", "foo", "expected a unit of time such as DAY or HOUR");
  CheckError("CREATE TABLE t (a INT, WATERMARK FOR a AS a, WATERMARK FOR a AS a)",
             "WATERMARK FOR a AS a", "a table has at most one WATERMARK");
  CheckError("SELECT x'4'", "x'4'", "a binary string has two hexadecimal digits per byte");
  CheckError("SELECT a FROM t LIMIT 1 LIMIT 2", "LIMIT 2", "this clause is given twice");
}

BOOST_AUTO_TEST_CASE(OpenTokensAreNamed) {
  CheckError("SELECT 'abc", "'abc", "the string that starts here is not closed",
             "a quote inside a string is written twice");
  CheckError("SELECT `abc FROM t", "`abc FROM t",
             "the quoted name that starts here is empty or not closed");
  CheckError("SELECT 1 /* x", "/*", "the comment that starts here is not closed");
  CheckError("SELECT ${x}", "$", "unexpected character \"$\"",
             "variables such as ${x} are replaced by the client");
}

BOOST_AUTO_TEST_CASE(BytesThatAreNoText) {
  CheckError("SELECT '\xFF'", "\xFF", "the SQL text is not UTF-8: no character starts at byte 8");
  CheckError("SELECT '\xE2\x96", "\xE2",
             "the SQL text is not UTF-8: no character starts at byte 8");
  CheckError("SELECT \xED\xA0\x80", "\xED",
             "the SQL text is not UTF-8: no character starts at byte 7");
  CheckError("SELECT \xC0\x80", "\xC0", "the SQL text is not UTF-8: no character starts at byte 7");
  BOOST_TEST(ErrorOf(std::string_view("SELECT \0", 8)).range->offset == 7U);
}

std::string Repeat(std::string_view text, int times) {
  std::string repeated;
  for (int i = 0; i < times; ++i) repeated += text;
  return repeated;
}

std::string Nest(std::string_view open, std::string_view inside, std::string_view close,
                 int times) {
  return Repeat(open, times) + std::string(inside) + Repeat(close, times);
}

BOOST_AUTO_TEST_CASE(DeepTextsAreRefused) {
  for (const std::string& sql : {
           Nest("(", "1", ")", 10000),
           Nest("CASE WHEN ", "a", " THEN 1 END", 10000),
           Nest("CASE WHEN end THEN ", "a", " END", 10000),
           Nest("(SELECT ", "1", ")", 10000),
           Nest("f(", "1", ")", 10000),
           Nest("CAST(a AS ARRAY<", "INT", ">)", 10000),
           "CAST(a AS " + Nest("ARRAY<", "INT", ">", 10000) + ")",
           Repeat("NOT ", 10000) + "a",
           Repeat("- ", 10000) + "1",
           "a" + Repeat("[1]", 10000),
           "a" + Repeat(".b", 10000),
           "a" + Repeat("::INT", 10000),
           "a" + Repeat(" IS NULL", 10000),
           "1" + Repeat("+1", 100000),
           "x" + Repeat(" AND y", 100000),
           Nest("(", "1" + Repeat("+1", 1500), Repeat("+1", 1500) + ")", 100),
       }) {
    const Error error = ErrorOf("SELECT " + sql);
    BOOST_TEST(error.range.has_value());
    BOOST_TEST(InfoOf(error.code).name == "SQL_SYNTAX");
  }
  BOOST_TEST(ErrorOf("SELECT 1" + Repeat(" UNION SELECT 1", 50000)).range.has_value());
  BOOST_TEST(ErrorOf("SELECT * FROM a" + Repeat(" JOIN b ON c", 20000)).range.has_value());
}

BOOST_AUTO_TEST_CASE(DeepAndWideTextsWithinTheLimitsPass) {
  for (const std::string& sql : {
           Nest("(", "1", ")", 240),
           Nest("(SELECT ", "1", ")", 240),
           Nest("f(", "1", ")", 240),
           Nest("FLOOR(", "x", " TO DAY)", 240),
           Nest("CASE WHEN ", "a", " THEN 1 END", 240),
           "CAST(a AS " + Nest("ARRAY<", "INT", ">", 240) + ")",
           "1" + Repeat("+1", 1900),
           "x" + Repeat(" AND y", 1900),
           "1" + Repeat(" UNION SELECT 1", 1900),
           "a IN (1" + Repeat(", 1", 50000) + ")",
           "CASE" + Repeat(" WHEN a THEN b", 20000) + " END",
       }) {
    const std::string text = "SELECT " + sql;
    BOOST_TEST(ToSql(Parse(ToSql(Parse(text).at(0))).at(0)).size() > 0U);
  }
}

BOOST_AUTO_TEST_CASE(LongTextsAreRefused) {
  const std::string text = "SELECT 1" + std::string(kMaxSqlBytes, ' ');
  BOOST_TEST(InfoOf(ErrorOf(text).code).name == "TOO_LARGE");
  BOOST_TEST(Parse(text.substr(0, kMaxSqlBytes)).size() == 1U);
}

BOOST_AUTO_TEST_CASE(ExpressionsStandAlone) {
  BOOST_TEST(ToSql(*ParseExpression(" price > 10 and name like 'a%' ")) ==
             "price > 10 AND name LIKE 'a%'");
  BOOST_CHECK_THROW(ParseExpression("a > 1; DROP TABLE t"), Error);
  BOOST_CHECK_THROW(ParseExpression(""), Error);
  BOOST_CHECK_THROW(ParseExpression("SELECT 1"), Error);
}

}  // namespace
}  // namespace millrace
