#include "functions/expr.h"

#include <algorithm>

#include "types/cast.h"

namespace millrace {
namespace {

template <class Node>
ExprPtr MakeExpr(Node node, Type type, SourceRange range) {
  return std::make_shared<const Expr>(Expr{std::move(type), range, std::move(node)});
}

// The direct children of every kind of node.
struct ChildrenOf {
  std::vector<ExprPtr> operator()(const ColumnExpr&) const { return {}; }
  std::vector<ExprPtr> operator()(const LiteralExpr&) const { return {}; }
  std::vector<ExprPtr> operator()(const CallExpr& e) const { return e.arguments; }
  std::vector<ExprPtr> operator()(const CastExpr& e) const { return {e.value}; }
  std::vector<ExprPtr> operator()(const LogicExpr& e) const { return e.arguments; }
  std::vector<ExprPtr> operator()(const FieldExpr& e) const { return {e.row}; }
  std::vector<ExprPtr> operator()(const RowExpr& e) const { return e.fields; }
  std::vector<ExprPtr> operator()(const ArrayExpr& e) const { return e.elements; }
  std::vector<ExprPtr> operator()(const InExpr& e) const { return {e.value}; }
  std::vector<ExprPtr> operator()(const CaseExpr& e) const {
    std::vector<ExprPtr> children;
    for (const auto& [condition, value] : e.whens) {
      children.push_back(condition);
      children.push_back(value);
    }
    if (e.otherwise) children.push_back(e.otherwise);
    return children;
  }
};

std::vector<ExprPtr> Children(const Expr& expr) { return std::visit(ChildrenOf{}, expr.node); }

using Remap = std::function<ExprPtr(const ColumnExpr&, const Expr&)>;

void RemapAll(std::vector<ExprPtr>* exprs, const Remap& f) {
  for (ExprPtr& expr : *exprs) expr = RemapColumns(expr, f);
}

// Remaps the children of a copy of a node.
struct RemapNode {
  const Remap& f;

  void operator()(ColumnExpr&) const {}
  void operator()(LiteralExpr&) const {}
  void operator()(CallExpr& e) const { RemapAll(&e.arguments, f); }
  void operator()(CastExpr& e) const { e.value = RemapColumns(e.value, f); }
  void operator()(LogicExpr& e) const { RemapAll(&e.arguments, f); }
  void operator()(FieldExpr& e) const { e.row = RemapColumns(e.row, f); }
  void operator()(RowExpr& e) const { RemapAll(&e.fields, f); }
  void operator()(ArrayExpr& e) const { RemapAll(&e.elements, f); }
  void operator()(InExpr& e) const { e.value = RemapColumns(e.value, f); }
  void operator()(CaseExpr& e) const {
    for (auto& [condition, value] : e.whens) {
      condition = RemapColumns(condition, f);
      value = RemapColumns(value, f);
    }
    if (e.otherwise) e.otherwise = RemapColumns(e.otherwise, f);
  }
};

// Whether two nodes of one kind are equal but for their children.
struct SameNode {
  bool operator()(const ColumnExpr& a, const ColumnExpr& b) const { return a.index == b.index; }
  bool operator()(const LiteralExpr& a, const LiteralExpr& b) const { return a.value == b.value; }
  bool operator()(const CallExpr& a, const CallExpr& b) const { return a.name == b.name; }
  bool operator()(const CastExpr& a, const CastExpr& b) const { return a.try_cast == b.try_cast; }
  bool operator()(const LogicExpr& a, const LogicExpr& b) const {
    return a.conjunction == b.conjunction;
  }
  bool operator()(const CaseExpr& a, const CaseExpr& b) const {
    return a.whens.size() == b.whens.size();
  }
  bool operator()(const FieldExpr& a, const FieldExpr& b) const { return a.index == b.index; }
  bool operator()(const RowExpr&, const RowExpr&) const { return true; }
  bool operator()(const ArrayExpr&, const ArrayExpr&) const { return true; }
  bool operator()(const InExpr& a, const InExpr& b) const {
    return a.negated == b.negated && *a.list == *b.list;
  }
  template <class A, class B>
  bool operator()(const A&, const B&) const {
    return false;
  }
};

// Structurally equal, whether deterministic or not.
bool SameTree(const Expr& a, const Expr& b) {
  if (!a.type.SameAs(b.type) || !std::visit(SameNode{}, a.node, b.node)) return false;
  return std::ranges::equal(Children(a), Children(b), [](const ExprPtr& x, const ExprPtr& y) {
    return x == y || SameTree(*x, *y);
  });
}

Value CastLiteral(const Value& value, const Expr& literal, const Type& type, bool try_cast,
                  const std::string& zone) {
  if (value.is_null()) return {};
  const Column in = MakeConstantColumn(value, literal.type, 1);
  RowErrors errors;
  const Column out = Cast(in, literal.type, type, zone, try_cast ? nullptr : &errors);
  if (!errors.empty()) {
    throw Error(ErrorCode::kInvalidValue, errors.front().message, literal.range);
  }
  return GetValue(out, type, 0);
}

}  // namespace

ExprPtr MakeColumnExpr(size_t index, Type type, SourceRange range) {
  return MakeExpr(ColumnExpr{index}, std::move(type), range);
}

ExprPtr MakeLiteral(Value value, Type type, SourceRange range) {
  type.nullable = value.is_null();
  return MakeExpr(LiteralExpr{std::move(value)}, std::move(type), range);
}

ExprPtr MakeCast(ExprPtr expr, const Type& type, bool try_cast, const std::string& zone) {
  if (expr->type.SameAs(type)) return expr;
  const SourceRange range = expr->range;
  const LiteralExpr* literal = std::get_if<LiteralExpr>(&expr->node);
  const bool null_literal = literal != nullptr && literal->value.is_null();
  if (!null_literal && CastKindOf(expr->type, type) == CastKind::kNone) {
    throw Error(ErrorCode::kTypeMismatch,
                "Cannot convert " + expr->type.ToString() + " to " + type.ToString() + '.', range);
  }
  if (literal != nullptr) {
    return MakeLiteral(CastLiteral(literal->value, *expr, type, try_cast, zone), type, range);
  }
  const Type result = type.AsNullable(try_cast || expr->type.nullable);
  return MakeExpr(CastExpr{std::move(expr), try_cast}, result, range);
}

bool IsConstant(const Expr& expr) {
  bool has_columns = false;
  ForEachColumn(expr, [&](size_t) { has_columns = true; });
  return !has_columns && IsDeterministic(expr);
}

bool IsDeterministic(const Expr& expr) {
  const CallExpr* call = std::get_if<CallExpr>(&expr.node);
  if (call != nullptr && !call->deterministic) return false;
  return std::ranges::all_of(Children(expr), [](const ExprPtr& e) { return IsDeterministic(*e); });
}

void ForEachColumn(const Expr& expr, const std::function<void(size_t)>& f) {
  if (const ColumnExpr* column = std::get_if<ColumnExpr>(&expr.node)) return f(column->index);
  for (const ExprPtr& child : Children(expr)) ForEachColumn(*child, f);
}

ExprPtr RemapColumns(const ExprPtr& expr, const Remap& f) {
  if (const ColumnExpr* column = std::get_if<ColumnExpr>(&expr->node)) return f(*column, *expr);
  if (std::holds_alternative<LiteralExpr>(expr->node)) return expr;
  Expr copy = *expr;
  std::visit(RemapNode{f}, copy.node);
  return std::make_shared<const Expr>(std::move(copy));
}

bool SameExpr(const Expr& a, const Expr& b) { return IsDeterministic(a) && SameTree(a, b); }

}  // namespace millrace
