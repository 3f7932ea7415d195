// Printing, and the round trip: what a printed tree parses to prints the same. The generator draws
// random trees; the seed is printed, and MILLRACE_TEST_SEED repeats a run.
#define BOOST_TEST_MODULE parser_print
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <string_view>

#include "parser/parse.h"
#include "parser/print.h"

namespace millrace {
namespace {

using ast::ExprPtr;
using ast::QueryPtr;
using ast::TablePtr;

template <typename Node>
ExprPtr MakeExpr(Node node) {
  auto expr = std::make_unique<ast::Expr>();
  expr->node = std::move(node);
  return expr;
}

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  ast::Statement Statement() {
    ast::Statement statement;
    switch (Pick(8)) {
      case 0:
        statement.node = ast::Insert{Flip(), Qualified(), {}, {}, Names(), Query(2), {}};
        break;
      case 1:
        statement.node = MaterializedView();
        break;
      case 2:
        statement.node = Table();
        break;
      case 3:
        statement.node = ast::Update{Qualified(), {}, Assignments(), Maybe(3)};
        break;
      case 4:
        statement.node = ast::Delete{Qualified(), {}, Maybe(3)};
        break;
      default:
        statement.node = ast::QueryStatement{Query(3)};
    }
    return statement;
  }

 private:
  size_t Pick(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  bool Flip() { return Pick(2) == 0; }

  template <typename Make>
  auto Several(size_t most, Make make) {
    std::vector<decltype(make())> items;
    for (size_t i = 1 + Pick(most); i > 0; --i) items.push_back(make());
    return items;
  }

  ast::Name Name() {
    constexpr std::string_view kNames[] = {
        "a",      "b2",    "Camel", "select", "user",  "with space",   "quo`te", "row",    "array",
        "map",    "end",   "key",   "from",   "date",  "t$errors",     "Ünï",    "left",   "offset",
        "window", "value", "2x",    "table",  "final", "current_date", "x\"y",   "within", "case"};
    return {std::string(kNames[Pick(std::size(kNames))]), {}, true};
  }
  std::vector<ast::Name> Names() {
    return Several(3, [this] { return Name(); });
  }
  ast::QualifiedName Qualified() { return {Names(), {}}; }

  std::string Text() {
    constexpr std::string_view kTexts[] = {"",   "it's", "▲",  "a;b", "--x",
                                           "/*", "*/",   "\"", "\n",  "x"};
    return std::string(kTexts[Pick(std::size(kTexts))]);
  }

  ast::TypeName Type(int depth) {
    ast::TypeName type;
    constexpr std::string_view kBases[] = {"INT",          "STRING", "DATE",          "DOUBLE",
                                           "TIMESTAMP_TZ", "TIME",   "TIMESTAMP_LTZ", "BOOLEAN"};
    type.base = kBases[Pick(std::size(kBases))];
    type.not_null = Flip();
    if (depth <= 0 || Flip()) return type;
    constexpr std::string_view kNested[] = {"ARRAY", "MULTISET", "MAP", "ROW"};
    const size_t which = Pick(std::size(kNested));
    type.base = kNested[which];
    const size_t children = which == 3 ? Pick(3) : which == 2 ? 2 : 1;
    for (size_t i = 0; i < children; ++i) {
      ast::TypeField field;
      if (which == 3) field.name = Name();
      if (which == 3 && Flip()) field.comment = Text();
      field.type = Type(depth - 1);
      type.children.push_back(std::move(field));
    }
    return type;
  }

  ExprPtr Literal() {
    using K = ast::LiteralKind;
    const ast::IntervalQualifier day_to_second{ast::IntervalUnit::kDay, ast::IntervalUnit::kSecond,
                                               3, 6};
    switch (Pick(9)) {
      case 0:
        return MakeExpr(ast::Literal{K::kNull, "NULL"});
      case 1:
        return MakeExpr(ast::Literal{K::kBoolean, "TRUE"});
      case 2:
        return MakeExpr(ast::Literal{K::kInteger, "42"});
      case 3:
        return MakeExpr(ast::Literal{K::kDecimal, "1."});
      case 4:
        return MakeExpr(ast::Literal{K::kApproximate, "1e-3"});
      case 5:
        return MakeExpr(ast::Literal{K::kBinary, std::string("\0\xFF", 2)});
      case 6:
        return MakeExpr(ast::Literal{K::kTimestampLtz, "2024-01-01 00:00:00"});
      case 7:
        return MakeExpr(ast::Literal{K::kInterval, "1 2:3:4", Flip(), day_to_second});
      default:
        return MakeExpr(ast::Literal{K::kString, Text()});
    }
  }

  ExprPtr Maybe(int depth) { return Flip() ? Expr(depth) : nullptr; }
  std::vector<ExprPtr> Exprs(int depth) {
    return Several(3, [&] { return Expr(depth); });
  }

  ExprPtr Expr(int depth) {
    if (depth <= 0) return Flip() ? Literal() : MakeExpr(ast::ColumnRef{Names()});
    switch (Pick(4)) {
      case 0:
        return Operator(depth - 1);
      case 1:
        return PredicateOn(depth - 1);
      case 2:
        return Compound(depth - 1);
      default:
        return Call(depth - 1);
    }
  }

  ExprPtr Operator(int depth) {
    if (Pick(4) == 0) {
      return MakeExpr(ast::Unary{static_cast<ast::UnaryOp>(Pick(3)), Expr(depth)});
    }
    return MakeExpr(ast::Binary{static_cast<ast::BinaryOp>(Pick(17)), Expr(depth), Expr(depth)});
  }

  ExprPtr PredicateOn(int depth) {
    switch (Pick(7)) {
      case 0:
        return MakeExpr(
            ast::IsPredicate{Expr(depth), static_cast<ast::Predicate>(Pick(8)), Flip()});
      case 1:
        return MakeExpr(ast::Between{Expr(depth), Expr(depth), Expr(depth), Flip(), Flip()});
      case 2:
        return MakeExpr(ast::Like{static_cast<ast::LikeKind>(Pick(3)), Expr(depth), Expr(depth),
                                  Maybe(depth), Flip()});
      case 3: {
        auto items = Exprs(depth);  // A lone subquery in brackets would be InSubquery.
        items.push_back(Literal());
        return MakeExpr(ast::InList{Expr(depth), std::move(items), Flip()});
      }
      case 4:
        return MakeExpr(ast::InSubquery{Expr(depth), Query(depth), Flip()});
      case 5:
        return MakeExpr(ast::Exists{Query(depth)});
      default:
        return MakeExpr(
            ast::Quantified{ast::BinaryOp::kLessEqual, Expr(depth), Query(depth), Flip()});
    }
  }

  ExprPtr Compound(int depth) {
    switch (Pick(9)) {
      case 0:
        return MakeExpr(ast::ScalarSubquery{Query(depth)});
      case 1:
        return MakeExpr(ast::Cast{Expr(depth), Type(2), Flip()});
      case 2:
        return MakeExpr(ast::RowConstructor{Exprs(depth)});
      case 3:
        return MakeExpr(ast::ArrayConstructor{Exprs(depth)});
      case 4: {
        auto entries = Exprs(depth);
        if (entries.size() % 2 != 0) entries.push_back(Literal());
        return MakeExpr(ast::MapConstructor{std::move(entries)});
      }
      case 5:
        return MakeExpr(ast::Index{Expr(depth), Expr(depth)});
      case 6:
        return MakeExpr(ast::FieldAccess{Expr(depth), Name()});
      case 7:
        return MakeExpr(ast::Parameter{static_cast<int64_t>(1 + Pick(9))});
      default: {
        auto whens = Several(2, [&] { return ast::WhenClause{Expr(depth), Expr(depth)}; });
        return MakeExpr(ast::Case{Maybe(depth), std::move(whens), Maybe(depth)});
      }
    }
  }

  ExprPtr Call(int depth) {
    constexpr std::string_view kFunctions[] = {"f",       "COUNT",       "LEFT",    "IF",
                                               "EXTRACT", "FLOOR",       "TRIM",    "POSITION",
                                               "OVERLAY", "JSON_OBJECT", "replace", "SUBSTRING"};
    ast::FunctionCall call;
    call.name.parts.push_back({std::string(kFunctions[Pick(std::size(kFunctions))]), {}, false});
    for (ExprPtr& arg : Exprs(depth)) call.args.push_back({{}, std::move(arg)});
    if (Pick(5) == 0) call.args.push_back({Name(), Expr(depth)});
    call.nulls = static_cast<ast::NullTreatment>(Pick(3));
    if (Pick(4) == 0) call.order_by = Sorts(depth);
    if (Pick(4) == 0) call.filter = Expr(depth);
    if (Pick(3) == 0) call.over = std::make_unique<ast::WindowSpec>(Window(depth));
    return MakeExpr(std::move(call));
  }

  std::vector<ast::SortItem> Sorts(int depth) {
    return Several(2, [&] {
      ast::SortItem item;
      item.expr = Expr(depth);
      item.descending = Flip();
      if (Flip()) item.nulls_first = Flip();
      return item;
    });
  }

  ast::WindowSpec Window(int depth) {
    ast::WindowSpec spec;
    if (Flip()) spec.base = Name();
    if (Flip()) spec.partition_by = Exprs(depth);
    if (Flip()) spec.order_by = Sorts(depth);
    if (Flip()) spec.frame.emplace();
    if (spec.frame) spec.frame->start = Bound(depth);
    if (spec.frame && Flip()) spec.frame->end = Bound(depth);
    return spec;
  }

  ast::FrameBound Bound(int depth) {
    using K = ast::FrameBoundKind;
    const auto kind = static_cast<K>(Pick(5));
    const bool counted = kind == K::kPreceding || kind == K::kFollowing;
    return {kind, counted ? Expr(depth) : nullptr};
  }

  QueryPtr Query(int depth) {
    auto query = std::make_unique<ast::Query>();
    if (depth > 0 && Pick(4) == 0) {
      query->with.push_back(
          {Name(), Flip() ? Names() : std::vector<ast::Name>{}, Query(depth - 1), {}, {}});
    }
    if (depth > 0 && Pick(4) == 0) {
      query->body = ast::SetOperation{static_cast<ast::SetOperator>(Pick(3)), Flip(),
                                      Query(depth - 1), Query(depth - 1)};
    } else if (Pick(8) == 0) {
      query->body = ast::Values{Several(2, [&] { return Exprs(depth - 1); })};
    } else if (depth > 0 && Pick(8) == 0) {
      query->body = Query(depth - 1);
    } else {
      query->body = Select(depth - 1);
    }
    if (Pick(3) == 0) query->order_by = Sorts(depth - 1);
    if (Pick(4) == 0) query->limit = Expr(depth - 1);
    if (Pick(4) == 0) query->offset = Expr(depth - 1);
    if (Pick(6) == 0) query->emit.kind = static_cast<ast::EmitKind>(Pick(5));
    return query;
  }

  ast::Select Select(int depth) {
    ast::Select select;
    select.distinct = Flip();
    select.items = Several(3, [&] {
      ast::SelectItem item;
      item.expr = Pick(6) == 0 ? MakeExpr(ast::Star{}) : Expr(depth);
      const bool star = std::holds_alternative<ast::Star>(item.expr->node);
      if (!star && Flip()) item.alias = Name();
      return item;
    });
    if (Flip()) select.from = TableExpr(depth);
    if (Flip()) select.where = Expr(depth);
    if (Pick(3) == 0) select.group_by = Several(2, [&] { return Group(2, depth); });
    if (Pick(4) == 0) select.having = Expr(depth);
    if (Pick(5) == 0) select.windows.push_back({Name(), Window(depth)});
    if (Pick(5) == 0) select.qualify = Expr(depth);
    return select;
  }

  ast::GroupElement Group(int nesting, int depth) {
    ast::GroupElement group;
    if (nesting > 0 && Pick(3) == 0) {
      group.kind = static_cast<ast::GroupKind>(2 + Pick(3));
      group.children = Several(2, [&] { return Group(nesting - 1, depth); });
    } else {
      group.expr = Expr(depth);
    }
    return group;
  }

  TablePtr TableExpr(int depth) {
    auto table = std::make_unique<ast::TableExpr>();
    const size_t kind = depth <= 0 ? 0 : Pick(5);
    if (kind == 1) {
      table->node = ast::SubqueryRef{Query(depth - 1), Flip()};
    } else if (kind == 2) {
      table->node = ast::Unnest{Exprs(depth - 1), Flip()};
    } else if (kind == 3) {
      table->node = ast::TableFunctionRef{Call(depth - 1), Flip()};
      auto& call =
          std::get<ast::FunctionCall>(std::get<ast::TableFunctionRef>(table->node).call->node);
      call.name = Qualified();
      call.args.push_back({{}, MakeExpr(ast::TableArg{Qualified(), nullptr, Exprs(0), Sorts(0)})});
    } else if (kind == 4) {
      ast::JoinRef join;
      join.kind = static_cast<ast::JoinKind>(Pick(5));
      join.left = TableExpr(depth - 1);
      join.right = TableExpr(depth - 1);
      join.natural = join.kind != ast::JoinKind::kCross && Pick(4) == 0;
      const bool needs_condition = join.kind != ast::JoinKind::kCross && !join.natural;
      if (needs_condition && Flip()) join.using_columns = Names();
      if (needs_condition && join.using_columns.empty()) join.on = Expr(depth - 1);
      table->node = std::move(join);
      return table;
    } else {
      table->node = ast::TableRef{Qualified(), {}, Pick(4) == 0 ? Expr(depth - 1) : nullptr};
    }
    if (Flip()) table->alias = ast::TableAlias{Name(), Flip() ? Names() : std::vector<ast::Name>{}};
    return table;
  }

  std::vector<ast::Assignment> Assignments() {
    return Several(2, [this] { return ast::Assignment{Name(), Expr(2)}; });
  }

  ast::CreateMaterializedView MaterializedView() {
    ast::CreateMaterializedView view;
    view.or_replace = Flip();
    view.name = Qualified();
    if (Flip()) view.comment = Text();
    if (Flip()) view.options.push_back({Text(), Text(), {}, {}});
    view.query = Query(3);
    return view;
  }

  ast::CreateTable Table() {
    ast::CreateTable table;
    table.name = Qualified();
    table.schema.columns = Several(4, [this] {
      ast::ColumnDef column;
      column.name = Name();
      if (Flip()) {
        column.type = Type(2);
        column.metadata = Flip();
      } else {
        column.computed = Expr(2);
      }
      if (Flip()) column.comment = Text();
      return column;
    });
    if (Flip()) table.schema.watermark = ast::Watermark{Qualified(), Expr(2), {}};
    if (Flip()) table.schema.primary_key = ast::PrimaryKey{{}, Names(), Flip(), {}};
    if (Flip()) table.options.push_back({Text(), Text(), {}, {}});
    if (Flip()) table.query = Query(2);
    return table;
  }

  std::mt19937 random_;
};

BOOST_AUTO_TEST_CASE(GeneratedStatementsRoundTrip) {
  const char* given = std::getenv("MILLRACE_TEST_SEED");
  const unsigned seed =
      given != nullptr ? static_cast<unsigned>(std::atoll(given)) : std::random_device()();
  std::cout << "seed: " << seed << "\n";
  Generator generator(seed);
  int failures = 0;
  for (int i = 0; i < 2000 && failures < 5; ++i) {
    const std::string text = ToSql(generator.Statement());
    try {
      const auto statements = Parse(text);
      const std::string again = statements.size() == 1 ? ToSql(statements[0]) : "not one statement";
      if (again == text) continue;
      BOOST_ERROR("printed: " + text + "\nand then: " + again);
    } catch (const Error& error) {
      BOOST_ERROR(error.message + " in: " + text);
    }
    ++failures;
  }
}

std::string Reprint(std::string_view sql) { return ToSql(Parse(sql).at(0)); }

BOOST_AUTO_TEST_CASE(QueriesPrintOnOneLine) {
  BOOST_TEST(Reprint("select  a , b+1 as c\nfrom t x where not (a or b) -- why") ==
             "SELECT a, b + 1 AS c FROM t AS x WHERE NOT (a OR b)");
  BOOST_TEST(Reprint("SELECT * FROM tumble(table b, descriptor(ts), interval '10' minutes)") ==
             "SELECT * FROM TABLE(tumble(TABLE b, DESCRIPTOR(ts), INTERVAL '10' MINUTE))");
  BOOST_TEST(Reprint("SELECT a FROM a, b JOIN c ON x") ==
             "SELECT a FROM a CROSS JOIN (b JOIN c ON x)");
  BOOST_TEST(Reprint("SELECT extract(day from ts), x::int, 'it''s', \"Q\", `date`") ==
             "SELECT extract(DAY FROM ts), CAST(x AS INT), 'it''s', Q, `date`");
}

BOOST_AUTO_TEST_CASE(DefinitionsPrint) {
  BOOST_TEST(
      Reprint("create table t (id int primary key, ts timestamp(3), watermark for ts as ts) "
              "with ('a'='b')") ==
      "CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts, PRIMARY KEY (id)) WITH "
      "('a' = 'b')");
  BOOST_TEST(Reprint("CREATE MATERIALIZED VIEW v AS SELECT 1 EMIT ON WINDOW CLOSE") ==
             "CREATE MATERIALIZED VIEW v AS SELECT 1 EMIT ON WINDOW CLOSE");
}

}  // namespace
}  // namespace millrace
