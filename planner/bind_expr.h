// Binds expressions: names to columns, operators and calls to functions, literals to values.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "planner/planner.h"

namespace millrace {

// The columns that a name can mean, in the order of the input's rows.
struct ScopeColumn {
  std::string qualifier;  // The table's name or alias; "" when there is none.
  std::string name;
  Type type;
  bool system = false;  // Not in `*`: hidden columns.
  // USING or NATURAL put another column in its place: only its table's name reaches it.
  bool merged = false;
};

class Subqueries;
struct Scope;

// A query block around a subquery: what names that the subquery does not have itself may mean.
struct OuterScope {
  const Scope* scope;
  size_t query;             // Its number in the statement.
  const OuterScope* outer;  // The next one; null: there is none.
};

struct Scope {
  std::vector<ScopeColumn> columns;
  // First chance at every sub-expression: gives an expression for it or nothing. Aggregates, group
  // keys and window functions such as TUMBLE_START are bound here by the query binder.
  std::function<ExprPtr(const ast::Expr&)> replace;
  // Parameters of a SQL function's body, by name; looked up before the columns.
  std::vector<std::pair<std::string, ExprPtr>> bindings;
  // Takes the subqueries in expressions; null: there cannot be any.
  Subqueries* subqueries = nullptr;
  // Names that are no columns here are looked up there; they become outer columns
  // (planner/outer_columns.h).
  const OuterScope* outer = nullptr;

  // The columns that `*` or `qualifier.*` stand for, as indices; none when no table is called so.
  std::vector<size_t> Star(const std::optional<ast::QualifiedName>& qualifier) const;
};

// Throws Error at the range of what cannot be bound: kColumnNotFound (with the nearest name),
// kAmbiguousColumn, kFunctionNotFound, kTypeMismatch, kUnsupportedFeature. Exact case first, then a
// unique match without case (with a notice). `a.b.c` may be a qualified column or the field of a
// ROW column. Constants are folded.
ExprPtr BindExpr(const ast::Expr& expr, const Scope& scope, const PlanContext& context,
                 std::vector<Notice>* notices);
// The same, and of BOOLEAN type (`what`: "WHERE", "HAVING", … for the message).
ExprPtr BindPredicate(const ast::Expr& expr, const Scope& scope, const PlanContext& context,
                      std::string_view what, std::vector<Notice>* notices);

// The microseconds of an INTERVAL DAY TO SECOND literal; throws Error at its range.
int64_t BindIntervalMicros(const ast::Expr& expr, const PlanContext& context);

// Whether the call is of an aggregate function (by name).
bool IsAggregateCall(const ast::FunctionCall& call);
// The enclosing block that a call of an aggregate belongs to: that of the innermost columns in it.
// Null: it is the scope's own, as one without columns.
const OuterScope* EnclosingBlockOf(const ast::FunctionCall& aggregate, const Scope& scope);

// Scope over a relation's or node's schema.
Scope ScopeOf(const Schema& schema, std::string_view qualifier = "");

// Calls f for `expr` and all expressions in it, outermost first; f returns false to skip what is
// inside. Subqueries are not entered.
void VisitExpr(const ast::Expr& expr, const std::function<bool(const ast::Expr&)>& f);

}  // namespace millrace
