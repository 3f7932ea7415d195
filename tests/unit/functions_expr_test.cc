#define BOOST_TEST_MODULE functions_expr
#include <boost/test/unit_test.hpp>

#include "base/error.h"
#include "functions/expr.h"
#include "functions/registry.h"

using namespace millrace;

namespace {

const Type kInt = TypeId::kBigInt;
const Type kBool = TypeId::kBoolean;

ExprPtr Make(Type type, auto node) {
  return std::make_shared<const Expr>(Expr{std::move(type), {}, std::move(node)});
}

ExprPtr Call(const std::string& name, std::vector<ExprPtr> arguments) {
  std::vector<Type> types;
  for (const ExprPtr& e : arguments) types.push_back(e->type);
  ResolvedScalar r = BuiltinFunctions().ResolveScalar(name, types);
  for (size_t i = 0; i < arguments.size(); ++i) {
    arguments[i] = MakeCast(arguments[i], r.parameters[i]);
  }
  return Make(r.result, CallExpr{name, r.kernel, std::move(arguments), r.deterministic});
}

ExprPtr Literal(int64_t v) { return MakeLiteral({v}, kInt); }
ExprPtr Column0() { return MakeColumnExpr(0, kInt); }
ExprPtr And(std::vector<ExprPtr> e) { return Make(kBool, LogicExpr{true, std::move(e)}); }
ExprPtr Or(std::vector<ExprPtr> e) { return Make(kBool, LogicExpr{false, std::move(e)}); }
ExprPtr Case(std::vector<std::pair<ExprPtr, ExprPtr>> whens, ExprPtr otherwise) {
  const Type type = whens[0].second->type.AsNullable();
  return Make(type, CaseExpr{std::move(whens), std::move(otherwise)});
}

// A column of integers; nothing is NULL.
Column Ints(const std::vector<std::optional<int64_t>>& values) {
  Column c(TypeId::kBigInt, values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    c.mutable_data<int64_t>()[i] = values[i].value_or(0);
    if (!values[i]) c.SetNull(i);
  }
  return c;
}

Batch BatchOf(std::vector<Column> columns) {
  Batch batch;
  batch.size = columns[0].size();
  batch.columns = std::move(columns);
  return batch;
}

struct Result {
  std::vector<std::string> texts;  // "!" where the row failed.
  RowErrors errors;
};

Result Run(const ExprPtr& expr, const Batch& batch) {
  Result result;
  EvalContext context;
  context.errors = &result.errors;
  const Column column = Evaluate(*expr, batch, context);
  BOOST_TEST(column.size() == batch.size);
  for (size_t i = 0; i < batch.size; ++i) {
    result.texts.push_back(ToText(GetValue(column, expr->type, i), expr->type));
  }
  for (const RowError& error : result.errors) result.texts[error.row] = "!";
  return result;
}

std::string Texts(const ExprPtr& expr, const Batch& batch) {
  std::string all;
  for (const std::string& text : Run(expr, batch).texts) all += (all.empty() ? "" : " ") + text;
  return all;
}

// TRUE, FALSE or NULL for 1, 0 or -1.
ExprPtr Truth(int v) { return MakeLiteral(v < 0 ? Value{} : Value{v == 1}, kBool); }

}  // namespace

BOOST_AUTO_TEST_CASE(three_valued_logic) {
  // All pairs, once as columns and once with a constant on either side.
  Column a(TypeId::kBoolean, 9), b(TypeId::kBoolean, 9);
  const int truths[] = {1, 0, -1};
  for (size_t i = 0; i < 9; ++i) {
    a.mutable_data<bool>()[i] = truths[i / 3] == 1;
    b.mutable_data<bool>()[i] = truths[i % 3] == 1;
    if (truths[i / 3] < 0) a.SetNull(i);
    if (truths[i % 3] < 0) b.SetNull(i);
  }
  const Batch batch = BatchOf({a, b});
  const ExprPtr x = MakeColumnExpr(0, kBool), y = MakeColumnExpr(1, kBool);
  const std::string conjunction = "TRUE FALSE NULL FALSE FALSE FALSE NULL FALSE NULL";
  const std::string disjunction = "TRUE TRUE TRUE TRUE FALSE NULL TRUE NULL NULL";
  BOOST_TEST(Texts(And({x, y}), batch) == conjunction);
  BOOST_TEST(Texts(Or({x, y}), batch) == disjunction);
  for (size_t i = 0; i < 9; ++i) {
    const uint32_t row[] = {static_cast<uint32_t>(i)};
    const Batch one = batch.Take(row);
    const ExprPtr left = Truth(truths[i / 3]), right = Truth(truths[i % 3]);
    const std::string expected = Run(And({x, y}), batch).texts[i];
    BOOST_TEST(Texts(And({left, y}), one) == expected);
    BOOST_TEST(Texts(And({x, right}), one) == expected);
    BOOST_TEST(Texts(And({left, right}), one) == expected);
    BOOST_TEST(Texts(Or({left, y}), one) == Run(Or({x, y}), batch).texts[i]);
    BOOST_TEST(Texts(Or({x, right}), one) == Run(Or({x, y}), batch).texts[i]);
  }
}

BOOST_AUTO_TEST_CASE(errors_count_only_where_a_row_gets_to) {
  const Batch batch = BatchOf({Ints({0, 1, 2, std::nullopt})});
  const ExprPtr inverse = Call(">", {Call("/", {Literal(10), Column0()}), Literal(5)});
  const ExprPtr not_zero = Call("<>", {Column0(), Literal(0)});
  BOOST_TEST(Texts(inverse, batch) == "! TRUE FALSE NULL");
  BOOST_TEST(Texts(And({not_zero, inverse}), batch) == "FALSE TRUE FALSE NULL");
  BOOST_TEST(Texts(And({inverse, not_zero}), batch) == "! TRUE FALSE NULL");
  BOOST_TEST(Texts(Or({Call("=", {Column0(), Literal(0)}), inverse}), batch) ==
             "TRUE TRUE FALSE NULL");
  const ExprPtr guarded = Case({{not_zero, Call("/", {Literal(10), Column0()})}}, Literal(-1));
  BOOST_TEST(Texts(guarded, batch) == "-1 10 5 -1");
}

BOOST_AUTO_TEST_CASE(errors_of_gathered_rows_keep_their_numbers) {
  // One row in a hundred is undecided, so that it is gathered.
  std::vector<std::optional<int64_t>> values(1000, 5);
  values[300] = values[700] = 0;
  const Batch batch = BatchOf({Ints(values)});
  const ExprPtr is_zero = Call("=", {Column0(), Literal(0)});
  const ExprPtr fails = Call("=", {Call("/", {Literal(1), Column0()}), Literal(1)});
  const Result result = Run(And({is_zero, fails}), batch);
  BOOST_TEST(result.errors.size() == 2);
  BOOST_TEST(result.texts[300] == "!");
  BOOST_TEST(result.texts[700] == "!");
  BOOST_TEST(result.texts[0] == "FALSE");
}

BOOST_AUTO_TEST_CASE(case_of_strings) {
  const Batch batch = BatchOf({Ints({1, 2, std::nullopt, 4})});
  const auto text = [](std::string s) { return MakeLiteral({std::move(s)}, TypeId::kString); };
  const ExprPtr e = Case({{Call("=", {Column0(), Literal(1)}), text("one")},
                          {Call(">", {Column0(), Literal(3)}), text("a long string, not inline")}},
                         nullptr);
  BOOST_TEST(Texts(e, batch) == "one NULL NULL a long string, not inline");
}

BOOST_AUTO_TEST_CASE(selection) {
  std::vector<std::optional<int64_t>> values;
  for (int64_t i = 0; i < 100; ++i) {
    values.push_back(i % 7 == 0 ? std::nullopt : std::optional<int64_t>(i - 50));
  }
  const Batch batch = BatchOf({Ints(values)});
  RowErrors errors;
  EvalContext context;
  context.errors = &errors;
  std::vector<uint32_t> expected;
  for (uint32_t i = 0; i < 100; ++i) {
    if (values[i] && *values[i] > 3) expected.push_back(i);
  }
  BOOST_TEST(Select(*Call(">", {Column0(), Literal(3)}), batch, context) == expected);
  BOOST_TEST(Select(*Truth(1), batch, context).size() == 100);
  BOOST_TEST(Select(*Truth(0), batch, context).size() == 0);
  BOOST_TEST(Select(*Truth(-1), batch, context).size() == 0);
  BOOST_TEST(errors.size() == 0);
  // Rows that fail are not selected.
  const ExprPtr e = Call("<", {Call("/", {Literal(1), Column0()}), Literal(100)});
  const std::vector<uint32_t> rows = Select(*e, batch, context);
  BOOST_TEST(errors.size() == 1);
  BOOST_TEST(rows.size() == 100 - 15 - 1);
}

BOOST_AUTO_TEST_CASE(in_lists) {
  const Batch batch = BatchOf({Ints({1, 2, 3, std::nullopt})});
  BOOST_TEST(Texts(MakeIn(Column0(), {{int64_t{1}}, {int64_t{3}}}, false), batch) ==
             "TRUE FALSE TRUE NULL");
  BOOST_TEST(Texts(MakeIn(Column0(), {{int64_t{1}}, {int64_t{3}}}, true), batch) ==
             "FALSE TRUE FALSE NULL");
  BOOST_TEST(Texts(MakeIn(Column0(), {{int64_t{1}}, {}}, false), batch) == "TRUE NULL NULL NULL");
  BOOST_TEST(Texts(MakeIn(Column0(), {{int64_t{1}}, {}}, true), batch) == "FALSE NULL NULL NULL");
  std::vector<Value> many(38);
  for (int64_t i = 2; i < 40; ++i) many[static_cast<size_t>(i - 2)].data = i;
  BOOST_TEST(Texts(MakeIn(Column0(), many, false), batch) == "FALSE TRUE TRUE NULL");
  const ExprPtr text = MakeCast(Column0(), TypeId::kString);
  BOOST_TEST(Texts(MakeIn(text, {{std::string("2")}}, false), batch) == "FALSE TRUE FALSE NULL");
  BOOST_TEST(Texts(MakeIn(MakeCast(Column0(), TypeId::kDouble), {{2.0}}, false), batch) ==
             "FALSE TRUE FALSE NULL");
}

BOOST_AUTO_TEST_CASE(rows_and_arrays) {
  const Batch batch = BatchOf({Ints({1, 2, std::nullopt})});
  const Type row_type = Type::MakeRow({{"a", kInt}, {"b", kInt}});
  const ExprPtr row = Make(row_type, RowExpr{{Column0(), Literal(7)}});
  BOOST_TEST(Texts(Make(kInt, FieldExpr{row, 0}), batch) == "1 2 NULL");
  BOOST_TEST(Texts(Make(kInt, FieldExpr{row, 1}), batch) == "7 7 7");
  const ExprPtr array = Make(Type::MakeArray(kInt), ArrayExpr{{Literal(7), Column0()}});
  BOOST_TEST(Texts(Call("[]", {array, Literal(2)}), batch) == "1 2 NULL");
  BOOST_TEST(Texts(Call("[]", {array, Literal(1)}), batch) == "7 7 7");
  BOOST_TEST(Texts(Call("cardinality", {array}), batch) == "2 2 2");
  // A ROW that is null has null fields.
  const ExprPtr maybe = Case({{Call("=", {Column0(), Literal(2)}), row}}, nullptr);
  BOOST_TEST(Texts(Make(kInt, FieldExpr{maybe, 1}), batch) == "NULL 7 NULL");
}

BOOST_AUTO_TEST_CASE(casts) {
  const ExprPtr literal = MakeCast(MakeLiteral({std::string("12")}, TypeId::kString), kInt);
  BOOST_TEST(std::holds_alternative<LiteralExpr>(literal->node));
  BOOST_TEST((MakeCast(Column0(), kInt) == Column0() || MakeCast(literal, kInt) == literal));
  const ExprPtr bad = MakeLiteral({std::string("x")}, TypeId::kString, SourceRange{3, 4});
  try {
    MakeCast(bad, kInt);
    BOOST_FAIL("'x' became a number");
  } catch (const Error& error) {
    BOOST_TEST((error.code == ErrorCode::kInvalidValue));
    BOOST_TEST((error.range == SourceRange{3, 4}));
  }
  BOOST_TEST(std::get<LiteralExpr>(MakeCast(bad, kInt, true)->node).value.is_null());
  const ExprPtr text = MakeCast(Column0(), TypeId::kString);
  const Batch batch = BatchOf({Ints({1, std::nullopt})});
  BOOST_TEST(Texts(Call("||", {text, MakeLiteral({std::string("!")}, TypeId::kString)}), batch) ==
             "1! NULL");
}

BOOST_AUTO_TEST_CASE(constants) {
  const ExprPtr three = Call("+", {Literal(1), Literal(2)});
  BOOST_TEST(IsConstant(*three));
  BOOST_TEST((EvaluateConstant(*three, "UTC") == Value{int64_t{3}}));
  BOOST_TEST(!IsConstant(*Call("+", {Column0(), Literal(2)})));
  BOOST_TEST(!IsConstant(*Call("rand", {})));
  BOOST_TEST(!IsDeterministic(*Call("now", {})));
  BOOST_CHECK_THROW(EvaluateConstant(*Call("/", {Literal(1), Literal(0)}), "UTC"), Error);
  // An error of constants is every row's error.
  const Batch batch = BatchOf({Ints({1, 2})});
  BOOST_TEST(Texts(Call("/", {Literal(1), Literal(0)}), batch) == "! !");
}

BOOST_AUTO_TEST_CASE(trees) {
  const ExprPtr sum = Call("+", {Column0(), MakeColumnExpr(3, kInt)});
  std::vector<size_t> columns;
  ForEachColumn(*sum, [&](size_t i) { columns.push_back(i); });
  BOOST_TEST(columns == (std::vector<size_t>{0, 3}));
  const ExprPtr moved = RemapColumns(
      sum, [](const ColumnExpr& c, const Expr& e) { return MakeColumnExpr(c.index + 1, e.type); });
  const std::vector<std::string> names = {"a", "b", "c", "d", "e"};
  BOOST_TEST(ToString(*sum, names) == "a + d");
  BOOST_TEST(ToString(*moved, names) == "b + e");
  BOOST_TEST(!SameExpr(*sum, *moved));
  BOOST_TEST(SameExpr(*sum, *Call("+", {Column0(), MakeColumnExpr(3, kInt)})));
  BOOST_TEST(!SameExpr(*Call("rand", {}), *Call("rand", {})));
  const ExprPtr big = And({Call(">", {sum, Literal(3)}), Call("is_null", {Column0()})});
  BOOST_TEST(ToString(*big, names) == "((a + d) > 3) AND (a IS NULL)");
  BOOST_TEST(ToString(*MakeIn(Column0(), {{int64_t{1}}, {}}, true), names) == "a NOT IN (1, NULL)");
  BOOST_TEST(ToString(*MakeLiteral({std::string("it's")}, TypeId::kString), names) == "'it''s'");
}
