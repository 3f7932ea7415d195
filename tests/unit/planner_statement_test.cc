// CREATE statements and the catalog.
#define BOOST_TEST_MODULE planner_statement
#include <boost/test/unit_test.hpp>

#include "parser/parse.h"
#include "planner/planner.h"

using namespace millrace;

namespace {

struct Fixture {
  Catalog catalog;
  Session session;
  PlanContext context{&catalog, &session, ".", {}};
  std::vector<Notice> notices;

  Relation Bind(const std::string& sql) {
    notices.clear();
    std::vector<ast::Statement> statements = Parse(sql);
    BOOST_REQUIRE_EQUAL(statements.size(), 1);
    const ast::Statement& statement = statements[0];
    if (const auto* table = std::get_if<ast::CreateTable>(&statement.node)) {
      return BindCreateTable(*table, sql, context, &notices);
    }
    if (const auto* view = std::get_if<ast::CreateView>(&statement.node)) {
      return BindCreateView(*view, sql, context, &notices);
    }
    const auto& view = std::get<ast::CreateMaterializedView>(statement.node);
    return BindCreateMaterializedView(view, sql, context, &notices);
  }
  const Relation& Add(const std::string& sql) { return catalog.Add(Bind(sql)); }

  std::string ErrorOf(const std::string& sql) {
    try {
      Bind(sql);
    } catch (const Error& error) {
      const SourceRange range = error.range.value_or(SourceRange{});
      BOOST_REQUIRE_LE(range.offset + range.length, sql.size());
      return std::string(InfoOf(error.code).name) + " at <" +
             sql.substr(range.offset, range.length) + "> " + error.message +
             (error.hint.empty() ? "" : " | " + error.hint);
    }
    return "no error";
  }
  bool Fails(const std::string& sql, std::string_view part) {
    const std::string error = ErrorOf(sql);
    if (error.find(part) == std::string::npos) BOOST_TEST_MESSAGE(sql << " -> " << error);
    return error.find(part) != std::string::npos;
  }
};

ast::QualifiedName NameOf(std::string_view sql) {
  return std::get<ast::Drop>(Parse("DROP TABLE " + std::string(sql))[0].node).name;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(Statements, Fixture)

BOOST_AUTO_TEST_CASE(ATableWithEverything) {
  const Relation t = Bind(
      "CREATE TABLE bid (auction BIGINT COMMENT 'its id', price DECIMAL(10, 2) NOT NULL, "
      "millis BIGINT, ts AS TO_TIMESTAMP_LTZ(millis, 3), now AS PROCTIME(), "
      "WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, PRIMARY KEY (auction) NOT ENFORCED) "
      "COMMENT 'bids'");
  BOOST_REQUIRE_EQUAL(t.columns.size(), 5);
  BOOST_TEST(t.name == "bid");
  BOOST_TEST(t.comment == "bids");
  BOOST_TEST(t.embedded());
  BOOST_TEST(t.columns[0].type.ToString() == "BIGINT NOT NULL");
  BOOST_TEST(t.columns[0].comment == "its id");
  BOOST_TEST((t.columns[3].type.id == TypeId::kTimestampLtz));
  BOOST_TEST(t.columns[3].sql.find("TO_TIMESTAMP_LTZ") != std::string::npos);
  BOOST_TEST(t.columns[4].proctime);
  BOOST_REQUIRE(t.watermark.has_value());
  BOOST_TEST(t.watermark->column == 3);
  BOOST_TEST((t.watermark->expr->type.id == TypeId::kTimestampLtz));
  BOOST_TEST(t.primary_key == std::vector<size_t>{0}, boost::test_tools::per_element());
  BOOST_TEST(notices.empty());
}

BOOST_AUTO_TEST_CASE(Keys) {
  Bind("CREATE TABLE t (a INT, PRIMARY KEY (a))");
  BOOST_REQUIRE_EQUAL(notices.size(), 1);
  BOOST_TEST(notices[0].code == "NOT_ENFORCED");
  BOOST_TEST(
      Fails("CREATE TABLE t (a INT, PRIMARY KEY (b) NOT ENFORCED)", "COLUMN_NOT_FOUND at <b>"));
  BOOST_TEST(Fails("CREATE TABLE t (a INT, PRIMARY KEY (a, a) NOT ENFORCED)", "twice"));
  BOOST_TEST(
      Fails("CREATE TABLE t (a INT, b AS a + 1, PRIMARY KEY (b) NOT ENFORCED)", "it is computed"));
}

BOOST_AUTO_TEST_CASE(Columns) {
  BOOST_TEST(Fails("CREATE TABLE t (a INT, a STRING)", "DUPLICATE_OBJECT at <a>"));
  BOOST_TEST(Fails("CREATE TABLE t (a INT, b AS c + 1)", "COLUMN_NOT_FOUND at <c>"));
  BOOST_TEST(Fails("CREATE TABLE t (a INT, b AS a + 1, c AS b + 1)", "UNSUPPORTED_FEATURE at <b>"));
  BOOST_TEST(Fails("CREATE TABLE t (a INT, b AS SUM(a))", "BAD_REQUEST at <SUM(a)>"));
  BOOST_TEST(Fails("CREATE TABLE t (a INT METADATA)", "UNSUPPORTED_FEATURE at <a INT METADATA>"));
  BOOST_TEST((Bind("CREATE TABLE t (b AS a + 1, a INT)").columns[0].type.id == TypeId::kInteger));
}

BOOST_AUTO_TEST_CASE(Watermarks) {
  BOOST_TEST(Fails("CREATE TABLE t (a INT, WATERMARK FOR a AS a)", "INVALID_WATERMARK at <a>"));
  BOOST_TEST(Fails("CREATE TABLE t (ts TIMESTAMP(3), WATERMARK FOR tz AS ts)",
                   "COLUMN_NOT_FOUND at <tz>"));
  BOOST_TEST(
      Fails("CREATE TABLE t (ts TIMESTAMP(3), WATERMARK FOR ts AS 5)", "INVALID_WATERMARK at <5>"));
  BOOST_TEST(
      Fails("CREATE TABLE t (p AS PROCTIME(), WATERMARK FOR p AS p)", "INVALID_WATERMARK at <p>"));
  const Relation t =
      Bind("CREATE TABLE t (ts TIMESTAMP(6), WATERMARK FOR ts AS SOURCE_WATERMARK())");
  BOOST_TEST(!t.watermark->expr);
}

BOOST_AUTO_TEST_CASE(Options) {
  const Relation t =
      Bind("CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'rows-per-second' = '5')");
  BOOST_REQUIRE(t.connector != nullptr);
  BOOST_TEST(t.connector->name == "datagen");
  BOOST_TEST(!t.embedded());
  BOOST_TEST(Fails("CREATE TABLE t (a INT) WITH ('connector' = 'datagn')", "at <'datagn'>"));
  BOOST_TEST(Fails("CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'rows' = '5')",
                   "INVALID_OPTION at <'rows'>"));
  BOOST_TEST(Fails("CREATE TABLE t (a INT) WITH ('topic' = 'x')", "MISSING_OPTION"));
  BOOST_TEST(Fails("CREATE TABLE t (a INT) WITH ('connector' = 'print', 'connector' = 'print')",
                   "INVALID_OPTION at <'connector'>"));
  BOOST_TEST(
      Fails("CREATE TABLE t (a INT, b INT METADATA FROM 'offset') "
            "WITH ('connector' = 'datagen')",
            "COLUMN_NOT_FOUND"));
}

BOOST_AUTO_TEST_CASE(LegacyOptions) {
  const Relation t = Bind(
      "CREATE TABLE side_input (key BIGINT, `value` VARCHAR) WITH ("
      "'connector.type' = 'filesystem', 'connector.path' = 'file:///tmp/side.txt', "
      "'format.type' = 'csv')");
  BOOST_REQUIRE(t.connector != nullptr);
  BOOST_TEST(t.connector->name == "filesystem");
}

BOOST_AUTO_TEST_CASE(Like) {
  Add("CREATE TABLE base (a INT, ts TIMESTAMP(3), b AS a + 1, WATERMARK FOR ts AS ts, "
      "PRIMARY KEY (a) NOT ENFORCED) WITH ('connector' = 'datagen', 'rows-per-second' = '5')");
  const Relation t = Bind("CREATE TABLE t (c AS a + 2) WITH ('rows-per-second' = '7') LIKE base");
  BOOST_REQUIRE_EQUAL(t.columns.size(), 4);
  BOOST_TEST(t.columns[2].name == "b");
  BOOST_TEST(t.columns[3].name == "c");
  BOOST_TEST(t.options.find("rows-per-second")->second.value == "7");
  BOOST_TEST(t.connector->name == "datagen");
  BOOST_TEST(t.watermark->column == 1);
  BOOST_TEST(t.primary_key.size() == 1);
  // What is stored does not need `base`.
  BOOST_TEST(t.sql.find("LIKE") == std::string::npos);
  BOOST_TEST(Bind(t.sql).columns.size() == 4);

  const Relation sink = Bind(
      "CREATE TABLE sink WITH ('connector' = 'print') LIKE base "
      "(EXCLUDING OPTIONS EXCLUDING GENERATED EXCLUDING CONSTRAINTS EXCLUDING WATERMARKS)");
  BOOST_TEST(sink.columns.size() == 2);
  BOOST_TEST(sink.connector->name == "print");
  BOOST_TEST(!sink.watermark);
  BOOST_TEST(sink.primary_key.empty());
}

BOOST_AUTO_TEST_CASE(LikeConflicts) {
  Add("CREATE TABLE base (a INT, ts TIMESTAMP(3), b AS a + 1, WATERMARK FOR ts AS ts)");
  BOOST_TEST(Fails("CREATE TABLE t (a INT) LIKE base", "DUPLICATE_OBJECT at <a>"));
  BOOST_TEST(Fails("CREATE TABLE t (b AS a + 2) LIKE base", "OVERWRITING GENERATED"));
  BOOST_TEST(Bind("CREATE TABLE t (b AS a + 2) LIKE base (OVERWRITING GENERATED)").columns.size() ==
             3);
  BOOST_TEST(Fails("CREATE TABLE t (WATERMARK FOR ts AS ts) LIKE base", "EXCLUDING WATERMARKS"));
  BOOST_TEST(Fails("CREATE TABLE t LIKE bse", "TABLE_NOT_FOUND at <bse>"));
}

BOOST_AUTO_TEST_CASE(Views) {
  Add("CREATE TABLE t (a INT, b STRING)");
  const Relation v = Bind("CREATE VIEW v (x, y) COMMENT 'c' AS SELECT a + 1, b FROM t");
  BOOST_TEST(v.columns[0].name == "x");
  BOOST_TEST((v.columns[0].type.id == TypeId::kInteger));
  BOOST_TEST(v.reads == std::vector<std::string>{"t"}, boost::test_tools::per_element());
  BOOST_REQUIRE(v.query != nullptr);
  BOOST_TEST(Fails("CREATE VIEW v (x) AS SELECT a, b FROM t", "BAD_REQUEST at <x>"));
  BOOST_TEST(Fails("CREATE VIEW v AS SELECT a, b AS a FROM t", "DUPLICATE_OBJECT at <b AS a>"));
  BOOST_TEST(Fails("CREATE VIEW v AS SELECT *, a FROM t", "DUPLICATE_OBJECT at <a>"));
  BOOST_TEST(Fails("CREATE VIEW v AS SELECT a FROM tt", "TABLE_NOT_FOUND at <tt>"));
}

BOOST_AUTO_TEST_CASE(MaterializedViews) {
  Add("CREATE TABLE t (a INT NOT NULL, b BIGINT)");
  const Relation v =
      Bind("CREATE MATERIALIZED VIEW v (k, total) AS SELECT a, SUM(b) FROM t GROUP BY a");
  BOOST_REQUIRE(v.plan != nullptr);
  BOOST_REQUIRE(std::holds_alternative<Materialize>(v.plan->root->op));
  BOOST_TEST(std::get<Materialize>(v.plan->root->op).view == "v");
  BOOST_TEST(v.plan->schema[1].name == "total");
  BOOST_TEST(v.plan->root->schema[0].name == "k");
  BOOST_TEST(v.primary_key == std::vector<size_t>{0}, boost::test_tools::per_element());
  BOOST_TEST(Fails("CREATE MATERIALIZED VIEW v WITH ('view.retentin' = '1 d') AS SELECT a FROM t",
                   "did you mean \"view.retention\"?"));
  BOOST_TEST(Fails("CREATE MATERIALIZED VIEW v WITH ('view.retention' = '1 d') AS SELECT a FROM t",
                   "needs a view with window_end"));
}

BOOST_AUTO_TEST_CASE(Retention) {
  Add("CREATE TABLE t (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)");
  const Relation v =
      Bind("CREATE MATERIALIZED VIEW v WITH ('view.retention' = '7 d') AS SELECT a, ts FROM t");
  BOOST_TEST(std::get<Materialize>(v.plan->root->op).retention == 7 * kMicrosPerDay);
}

BOOST_AUTO_TEST_CASE(ShowCreateIsReadBack) {
  const std::string sql =
      "CREATE TABLE `my table` (`a` INTEGER NOT NULL COMMENT 'it''s', `ts` TIMESTAMP(3), "
      "`c` AS `a` + 1, WATERMARK FOR `ts` AS `ts` - INTERVAL '1' SECOND, "
      "PRIMARY KEY (`a`) NOT ENFORCED) COMMENT 'x'";
  const Relation t = Bind(sql);
  const std::string shown = ShowCreate(t);
  BOOST_TEST(ShowCreate(Bind(shown)) == shown);
  BOOST_TEST(shown.find("WATERMARK FOR `ts` AS ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(SecretsAreMasked) {
  Relation t = Bind("CREATE TABLE t (a INT)");
  for (const char* key : {"properties.sasl.jaas.config", "properties.ssl.key.password", "token",
                          "oauth.client-secret", "password.file"}) {
    t.options[key] = {"hush"};
  }
  const std::string shown = ShowCreate(t);
  BOOST_TEST(shown.find("'properties.sasl.jaas.config' = '****'") != std::string::npos);
  BOOST_TEST(shown.find("'oauth.client-secret' = '****'") != std::string::npos);
  BOOST_TEST(shown.find("'password.file' = 'hush'") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(NamesInTheCatalog) {
  catalog.AddDatabase("db");
  Add("CREATE TABLE Orders (a INT)");
  Add("CREATE TABLE db.Orders (a INT)");
  BOOST_TEST(catalog.Find("Orders") != nullptr);
  BOOST_TEST(catalog.Find("orders") == catalog.Find("Orders"));
  BOOST_TEST(catalog.Find(NameOf("default_catalog.default_database.Orders"), session)->name ==
             "Orders");
  BOOST_TEST(catalog.Find(NameOf("db.orders"), session)->name == "db.Orders");
  BOOST_TEST(catalog.Find(NameOf("other.db.orders"), session) == nullptr);
  session.database = "db";
  BOOST_TEST(catalog.Find(NameOf("Orders"), session)->name == "db.Orders");
  BOOST_TEST(catalog.Qualify(NameOf("x"), session) == "db.x");
  BOOST_CHECK_THROW(catalog.Qualify(NameOf("nope.x"), session), Error);
  BOOST_CHECK_THROW(catalog.DropDatabase("db"), Error);
  BOOST_TEST(catalog.Databases().size() == 2);
}

BOOST_AUTO_TEST_CASE(CaseMayDistinguish) {
  Add("CREATE TABLE Orders (a INT)");
  Add("CREATE TABLE orders (b INT)");
  BOOST_TEST(catalog.Find("orders")->columns[0].name == "b");
  BOOST_TEST(catalog.Find("ORDERS") == nullptr);
  try {
    catalog.Get(NameOf("ORDERS"), session);
    BOOST_ERROR("no error");
  } catch (const Error& error) {
    BOOST_TEST((error.code == ErrorCode::kTableNotFound));
    BOOST_TEST(error.hint.find("\"Orders\", \"orders\"") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(DependenciesHoldTheirTables) {
  Add("CREATE TABLE t (a INT)");
  Add("CREATE VIEW v AS SELECT a FROM t");
  BOOST_CHECK_THROW(Add("CREATE VIEW v AS SELECT a FROM t"), Error);
  BOOST_TEST(catalog.Dependents("t").size() == 1);
  try {
    catalog.Drop("t");
    BOOST_ERROR("no error");
  } catch (const Error& error) {
    BOOST_TEST((error.code == ErrorCode::kDependentObjects));
    BOOST_TEST(error.message.find("\"v\"") != std::string::npos);
  }
  Add("CREATE VIEW w AS SELECT a FROM v");
  BOOST_TEST(catalog.Dependents("t") == std::vector<std::string>{"v"},
             boost::test_tools::per_element());
  BOOST_TEST(catalog.Dependents("v") == std::vector<std::string>{"w"},
             boost::test_tools::per_element());
  catalog.Drop("w");
  catalog.Drop("v");
  catalog.Drop("t");
  BOOST_TEST(catalog.List().empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(SystemViewSchemas) {
  BOOST_TEST(ErrorsSchemaOfTable().size() == 7);
  BOOST_TEST(ErrorsSchemaOfJob()[2].name == "row");
  BOOST_TEST(LateSchema()[1].type.ToString() == "TIMESTAMP(3)");
}
