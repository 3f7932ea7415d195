// Outer joins whose outer rows a condition above drops become inner ones.
#include <algorithm>
#include <array>
#include <set>

#include "planner/join.h"
#include "planner/properties.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

using Columns = std::set<size_t>;

Columns Union(Columns a, const Columns& b) {
  a.insert(b.begin(), b.end());
  return a;
}

Columns Intersection(const Columns& a, const Columns& b) {
  Columns both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.end()));
  return both;
}

bool IsStrict(std::string_view function) {
  constexpr std::array<std::string_view, 14> kStrict = {
      "=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "negate", "not", "like"};
  return std::find(kStrict.begin(), kStrict.end(), function) != kStrict.end();
}

// The columns of which each, when it is NULL, makes the expression NULL.
Columns StrictColumns(const Expr& expr);

struct StrictColumnsOf {
  Columns operator()(const ColumnExpr& column) const { return {column.index}; }
  Columns operator()(const CastExpr& cast) const { return StrictColumns(*cast.value); }
  Columns operator()(const FieldExpr& field) const { return StrictColumns(*field.row); }
  Columns operator()(const InExpr& in) const { return StrictColumns(*in.value); }
  Columns operator()(const CallExpr& call) const {
    Columns columns;
    if (!IsStrict(call.name)) return columns;
    for (const ExprPtr& argument : call.arguments) {
      columns = Union(std::move(columns), StrictColumns(*argument));
    }
    return columns;
  }
  // One operand may decide alone.
  Columns operator()(const LogicExpr& logic) const {
    Columns columns = StrictColumns(*logic.arguments[0]);
    for (const ExprPtr& argument : logic.arguments) {
      columns = Intersection(columns, StrictColumns(*argument));
    }
    return columns;
  }
  template <class Other>
  Columns operator()(const Other&) const {
    return {};
  }
};

Columns StrictColumns(const Expr& expr) { return std::visit(StrictColumnsOf{}, expr.node); }

bool AnyIn(const Columns& columns, size_t first, size_t end) {
  auto it = columns.lower_bound(first);
  return it != columns.end() && *it < end;
}

JoinKind Simplified(JoinKind kind, bool rejects_left, bool rejects_right) {
  // An outer row of one side has NULLs in the other side's columns.
  const bool left = KeepsLeft(kind) && !rejects_right, right = KeepsRight(kind) && !rejects_left;
  if (left && right) return JoinKind::kFull;
  if (left) return JoinKind::kLeft;
  return right ? JoinKind::kRight : JoinKind::kInner;
}

// Visits a node of which no row with NULL in one of the columns `rejected` is used.
void Simplify(Node* node, const Columns& rejected);

struct Simplifier {
  Node* node;
  const Columns& rejected;

  Node* input(size_t i = 0) const { return node->inputs[i].get(); }

  void operator()(Join& join) const {
    const size_t left_columns = input(0)->schema.size(), columns = node->schema.size();
    if (!IsHalf(join.kind)) {
      join.kind = Simplified(join.kind, AnyIn(rejected, 0, left_columns),
                             AnyIn(rejected, left_columns, columns));
      node->schema = JoinSchema(join.kind, input(0)->schema, input(1)->schema);
    }
    Columns condition;
    for (const ExprPtr& term : TermsOf(*node)) {
      condition = Union(std::move(condition), RejectedColumns(*term));
    }
    Columns left = rejected, right;
    left.erase(left.lower_bound(left_columns), left.end());
    for (size_t column : rejected) {
      if (column >= left_columns) right.insert(column - left_columns);
    }
    const bool anti = join.kind == JoinKind::kAnti;
    for (size_t column : condition) {
      if (column < left_columns && !KeepsLeft(join.kind) && !anti) left.insert(column);
      if (column >= left_columns && !KeepsRight(join.kind)) right.insert(column - left_columns);
    }
    Simplify(input(0), left);
    Simplify(input(1), right);
  }
  void operator()(const Filter& filter) const {
    Simplify(input(), Union(rejected, RejectedColumns(*filter.predicate)));
  }
  void operator()(const Project& project) const {
    Columns below;
    for (size_t column : rejected) {
      below = Union(std::move(below), StrictColumns(*project.exprs[column]));
    }
    Simplify(input(), below);
  }
  void operator()(const Aggregate& aggregate) const {
    Columns below;
    for (size_t column : rejected) {
      if (column < aggregate.keys.size()) below.insert(aggregate.keys[column]);
    }
    Simplify(input(), below);
  }
  void operator()(const UnionAll&) const {
    for (const NodePtr& branch : node->inputs) Simplify(branch.get(), rejected);
  }
  template <class Other>
  void operator()(const Other&) const {
    for (const NodePtr& below : node->inputs) Simplify(below.get(), {});
  }
};

void Simplify(Node* node, const Columns& rejected) {
  std::visit(Simplifier{node, rejected}, node->op);
}

}  // namespace

std::set<size_t> RejectedColumns(const Expr& condition) {
  if (auto* logic = std::get_if<LogicExpr>(&condition.node)) {
    Columns columns = RejectedColumns(*logic->arguments[0]);
    for (const ExprPtr& argument : logic->arguments) {
      const Columns other = RejectedColumns(*argument);
      columns =
          logic->conjunction ? Union(std::move(columns), other) : Intersection(columns, other);
    }
    return columns;
  }
  if (auto* call = std::get_if<CallExpr>(&condition.node)) {
    if (call->name == "is_not_null") return StrictColumns(*call->arguments[0]);
    if (call->name == "is_true") return RejectedColumns(*call->arguments[0]);
  }
  return StrictColumns(condition);
}

void SimplifyOuterJoins(Node* root) { Simplify(root, {}); }

}  // namespace millrace
