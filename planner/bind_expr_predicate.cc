// Comparisons, AND and OR, BETWEEN, IN, LIKE, IS, CASE, OVERLAPS.
#include <algorithm>

#include "planner/expr_binder.h"

namespace millrace {
namespace {

bool IsInterval(TypeId id) { return id == TypeId::kIntervalDay || id == TypeId::kIntervalMonth; }

std::string_view TestName(ast::Predicate predicate, bool negated) {
  switch (predicate) {
    case ast::Predicate::kNull:
    case ast::Predicate::kUnknown:
      return negated ? "is_not_null" : "is_null";
    case ast::Predicate::kTrue:
      return negated ? "is_not_true" : "is_true";
    case ast::Predicate::kFalse:
      return negated ? "is_not_false" : "is_false";
    default:
      return "";
  }
}

std::string_view LikeName(ast::LikeKind kind) {
  switch (kind) {
    case ast::LikeKind::kLike:
      return "like";
    case ast::LikeKind::kIlike:
      return "ilike";
    case ast::LikeKind::kSimilarTo:
      return "similar_to";
  }
  return "";
}

}  // namespace

ExprPtr ExprBinder::Not(ExprPtr expr, SourceRange range) const {
  return Call("not", {std::move(expr)}, range);
}

ExprPtr ExprBinder::CompareRows(std::string_view op, const ExprPtr& left, const ExprPtr& right,
                                SourceRange range) const {
  const size_t size = left->type.children->size();
  if (size != right->type.children->size()) {
    throw Error(ErrorCode::kTypeMismatch,
                "cannot compare a ROW of " + std::to_string(size) + " fields with one of " +
                    std::to_string(right->type.children->size()),
                range);
  }
  std::vector<ExprPtr> fields;
  for (size_t i = 0; i < size; ++i) {
    fields.push_back(Compare(op, MakeField(left, i, range), MakeField(right, i, range), range));
  }
  return MakeLogic(/*conjunction=*/op == "=", std::move(fields), range);
}

ExprPtr ExprBinder::Compare(std::string_view op, ExprPtr left, ExprPtr right,
                            SourceRange range) const {
  const bool rows = left->type.id == TypeId::kRow && right->type.id == TypeId::kRow;
  if (rows && (op == "=" || op == "<>")) return CompareRows(op, left, right, range);
  const Type left_type = left->type;
  left = CoerceStringLiteral(std::move(left), right->type, zone_);
  right = CoerceStringLiteral(std::move(right), left_type, zone_);
  return Operator(op, {std::move(left), std::move(right)}, range);
}

ExprPtr ExprBinder::MakeLogic(bool conjunction, std::vector<ExprPtr> arguments,
                              SourceRange range) const {
  if (arguments.size() == 1) return arguments[0];
  const bool nullable =
      std::ranges::any_of(arguments, [](const ExprPtr& e) { return e->type.nullable; });
  const Type type(TypeId::kBoolean, nullable);
  return Fold(
      std::make_shared<const Expr>(Expr{type, range, LogicExpr{conjunction, std::move(arguments)}}),
      zone_);
}

void ExprBinder::FlattenLogic(ast::BinaryOp op, const ast::Expr& expr,
                              std::vector<ExprPtr>* arguments) {
  const ast::Binary* binary = std::get_if<ast::Binary>(&expr.node);
  if (binary != nullptr && binary->op == op) {
    ExprPtr replaced = scope_.replace ? scope_.replace(expr) : nullptr;
    if (!replaced) {
      FlattenLogic(op, *binary->left, arguments);
      FlattenLogic(op, *binary->right, arguments);
      return;
    }
  }
  const bool conjunction = op == ast::BinaryOp::kAnd;
  arguments->push_back(BindBoolean(expr, conjunction ? "an operand of AND" : "an operand of OR"));
}

ExprPtr ExprBinder::BindNode(const ast::IsPredicate& is, SourceRange range) {
  const std::string_view name = TestName(is.predicate, is.negated);
  if (name.empty()) {
    throw Error(ErrorCode::kUnsupportedFeature, "IS JSON is not supported yet", range);
  }
  if (is.predicate == ast::Predicate::kNull) return Call(name, {Bind(*is.operand)}, range);
  return Call(name, {BindBoolean(*is.operand, "the operand of IS")}, range);
}

ExprPtr ExprBinder::BindNode(const ast::Between& between, SourceRange range) {
  const ExprPtr value = Bind(*between.value);
  const ExprPtr low = Bind(*between.low);
  const ExprPtr high = Bind(*between.high);
  const auto inside = [&](const ExprPtr& from, const ExprPtr& to) {
    return MakeLogic(true, {Compare(">=", value, from, range), Compare("<=", value, to, range)},
                     range);
  };
  const auto outside = [&](const ExprPtr& from, const ExprPtr& to) {
    return MakeLogic(false, {Compare("<", value, from, range), Compare(">", value, to, range)},
                     range);
  };
  if (!between.symmetric) return between.negated ? outside(low, high) : inside(low, high);
  if (between.negated) {
    return MakeLogic(true, {outside(low, high), outside(high, low)}, range);
  }
  return MakeLogic(false, {inside(low, high), inside(high, low)}, range);
}

ExprPtr ExprBinder::BindNode(const ast::Like& like, SourceRange range) {
  std::vector<ExprPtr> arguments;
  arguments.push_back(Bind(*like.value));
  arguments.push_back(Bind(*like.pattern));
  if (like.escape) arguments.push_back(Bind(*like.escape));
  std::string_view name = LikeName(like.kind);
  if (name == "ilike" && !BuiltinFunctions().HasScalar(name)) {
    name = "like";
    for (size_t i = 0; i < 2; ++i) arguments[i] = Call("lower", {arguments[i]}, range);
  }
  ExprPtr result = Operator(name, std::move(arguments), range);
  return like.negated ? Not(std::move(result), range) : result;
}

ExprPtr ExprBinder::BindInConstants(ExprPtr value, std::vector<ExprPtr> items, bool negated,
                                    SourceRange range) {
  std::vector<ExprPtr> all;
  all.push_back(std::move(value));
  for (ExprPtr& item : items) all.push_back(std::move(item));
  Unify(all, "the operands of IN");
  if (all[0]->type.id == TypeId::kNull) return MakeLiteral({}, TypeId::kBoolean, range);
  std::vector<Value> list;
  for (size_t i = 1; i < all.size(); ++i) {
    list.push_back(std::get<LiteralExpr>(all[i]->node).value);
  }
  return Fold(MakeIn(std::move(all[0]), std::move(list), negated, range), zone_);
}

ExprPtr ExprBinder::BindNode(const ast::InList& in, SourceRange range) {
  ExprPtr value = Bind(*in.value);
  std::vector<ExprPtr> items;
  for (const ast::ExprPtr& item : in.items) items.push_back(Bind(*item));
  const bool constants = std::ranges::all_of(items, [](const ExprPtr& e) { return IsLiteral(*e); });
  if (constants && value->type.id != TypeId::kRow) {
    return BindInConstants(std::move(value), std::move(items), in.negated, range);
  }
  std::vector<ExprPtr> equalities;
  for (ExprPtr& item : items) equalities.push_back(Compare("=", value, std::move(item), range));
  ExprPtr any = MakeLogic(/*conjunction=*/false, std::move(equalities), range);
  return in.negated ? Not(std::move(any), range) : any;
}

Type ExprBinder::Unify(std::span<ExprPtr> exprs, std::string_view what) const {
  // String literals follow the others, so that `ts IN ('2026-03-01')` compares timestamps.
  const bool typed = std::ranges::any_of(
      exprs, [](const ExprPtr& e) { return !IsStringLiteral(*e) && e->type.id != TypeId::kNull; });
  std::optional<Type> common;
  const auto merge = [&](const ExprPtr& expr) {
    const std::optional<Type> next = common ? CommonType(*common, expr->type) : expr->type;
    if (!next) {
      throw Error(ErrorCode::kTypeMismatch,
                  std::string(what) + " have no common type: " + common->AsNullable().ToString() +
                      " and " + expr->type.AsNullable().ToString(),
                  expr->range, "convert one of them with CAST");
    }
    common = next;
  };
  for (const ExprPtr& expr : exprs) {
    if (!typed || !IsStringLiteral(*expr)) merge(expr);
  }
  if (typed && common->id != TypeId::kString) {
    for (ExprPtr& expr : exprs) {
      if (IsStringLiteral(*expr)) expr = CoerceStringLiteral(expr, *common, zone_);
    }
  }
  if (typed) std::ranges::for_each(exprs, merge);
  for (ExprPtr& expr : exprs) expr = Coerce(std::move(expr), *common, zone_);
  return *common;
}

ExprPtr ExprBinder::MakeCase(std::vector<std::pair<ExprPtr, ExprPtr>> whens, ExprPtr otherwise,
                             SourceRange range) const {
  std::vector<ExprPtr> results;
  for (auto& when : whens) results.push_back(std::move(when.second));
  results.push_back(std::move(otherwise));
  const Type type = Unify(results, "the results of CASE");
  for (size_t i = 0; i < whens.size(); ++i) whens[i].second = std::move(results[i]);
  if (whens.empty()) return results.back();
  return Fold(std::make_shared<const Expr>(
                  Expr{type, range, CaseExpr{std::move(whens), std::move(results.back())}}),
              zone_);
}

ExprPtr ExprBinder::BindNode(const ast::Case& expr, SourceRange range) {
  const ExprPtr operand = expr.operand ? Bind(*expr.operand) : nullptr;
  std::vector<std::pair<ExprPtr, ExprPtr>> whens;
  for (const ast::WhenClause& when : expr.whens) {
    ExprPtr condition = operand
                            ? Compare("=", operand, Bind(*when.condition), RangeOf(*when.condition))
                            : BindBoolean(*when.condition, "the condition of WHEN");
    whens.emplace_back(std::move(condition), Bind(*when.result));
  }
  ExprPtr otherwise =
      expr.otherwise ? Bind(*expr.otherwise) : MakeLiteral({}, TypeId::kNull, range);
  return MakeCase(std::move(whens), std::move(otherwise), range);
}

// The period's start and end, in that order.
std::pair<ExprPtr, ExprPtr> ExprBinder::BindPeriod(const ast::Expr& expr) {
  const SourceRange range = RangeOf(expr);
  const ast::RowConstructor* row = std::get_if<ast::RowConstructor>(&expr.node);
  if (row == nullptr || row->fields.size() != 2) {
    throw Error(ErrorCode::kBadRequest, "OVERLAPS compares two periods", range,
                "write (start, end) OVERLAPS (start, end)");
  }
  ExprPtr a = Bind(*row->fields[0]);
  ExprPtr b = Bind(*row->fields[1]);
  if (IsInterval(b->type.id)) b = Operator("+", {a, b}, range);
  const ExprPtr swapped = Compare(">", a, b, range);
  return {MakeCase({{swapped, b}}, a, range), MakeCase({{swapped, a}}, b, range)};
}

ExprPtr ExprBinder::BindOverlaps(const ast::Binary& binary, SourceRange range) {
  const auto [start, end] = BindPeriod(*binary.left);
  const auto [other_start, other_end] = BindPeriod(*binary.right);
  return MakeLogic(true,
                   {Compare(">=", end, other_start, range), Compare(">=", other_end, start, range)},
                   range);
}

}  // namespace millrace
