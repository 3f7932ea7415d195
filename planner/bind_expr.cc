#include "planner/bind_expr.h"

#include <algorithm>
#include <array>

#include "planner/expr_binder.h"
#include "planner/names.h"
#include "types/cast.h"

namespace millrace {
namespace {

[[noreturn]] void ThrowUnsupported(std::string what, SourceRange range, std::string hint = {}) {
  throw Error(ErrorCode::kUnsupportedFeature, std::move(what), range, std::move(hint));
}

}  // namespace

std::string_view OperatorName(ast::BinaryOp op) {
  switch (op) {
    case ast::BinaryOp::kEqual:
      return "=";
    case ast::BinaryOp::kNotEqual:
      return "<>";
    case ast::BinaryOp::kLess:
      return "<";
    case ast::BinaryOp::kLessEqual:
      return "<=";
    case ast::BinaryOp::kGreater:
      return ">";
    case ast::BinaryOp::kGreaterEqual:
      return ">=";
    case ast::BinaryOp::kIsDistinctFrom:
      return "is_distinct_from";
    case ast::BinaryOp::kIsNotDistinctFrom:
      return "is_not_distinct_from";
    case ast::BinaryOp::kAdd:
      return "+";
    case ast::BinaryOp::kSubtract:
      return "-";
    case ast::BinaryOp::kMultiply:
      return "*";
    case ast::BinaryOp::kDivide:
      return "/";
    case ast::BinaryOp::kModulo:
      return "%";
    case ast::BinaryOp::kConcat:
      return "||";
    case ast::BinaryOp::kOr:
    case ast::BinaryOp::kAnd:
    case ast::BinaryOp::kOverlaps:
      break;
  }
  return "";
}

namespace {

bool IsComparison(ast::BinaryOp op) {
  return op >= ast::BinaryOp::kEqual && op <= ast::BinaryOp::kIsNotDistinctFrom;
}

template <class Node>
ExprPtr MakeNode(Node node, Type type, SourceRange range) {
  return std::make_shared<const Expr>(Expr{std::move(type), range, std::move(node)});
}

// The values are the same bits, so that no cast is needed: VARCHAR(5) is a STRING, TIMESTAMP(3) is
// a TIMESTAMP(6).
bool SameValues(const Type& from, const Type& to) {
  if (from.id != to.id) return false;
  switch (from.id) {
    case TypeId::kString:
    case TypeId::kBytes:
      return !to.fixed_length && (to.length == 0 || (from.length > 0 && from.length <= to.length));
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestampLtz:
      return from.precision <= to.precision;
    case TypeId::kDecimal:
      return from.scale == to.scale && from.precision <= to.precision;
    default:
      return false;
  }
}

bool ReadableFromString(TypeId id) {
  switch (id) {
    case TypeId::kNull:
    case TypeId::kString:
    case TypeId::kBytes:
    case TypeId::kIntervalMonth:
    case TypeId::kIntervalDay:
    case TypeId::kArray:
    case TypeId::kMap:
    case TypeId::kRow:
      return false;
    default:
      return true;
  }
}

constexpr size_t kMaxTreeNodes = 100'000;

// Counts nodes down from a budget, which an expression that is shared pays for each use.
class NodeCounter {
 public:
  explicit NodeCounter(size_t budget) : left_(budget) {}

  // False once the budget is spent.
  bool Count(const Expr& expr) {
    if (left_ == 0) return false;
    --left_;
    return std::visit([this](const auto& node) { return CountNode(node); }, expr.node);
  }

 private:
  bool CountAll(const std::vector<ExprPtr>& exprs) {
    return std::ranges::all_of(exprs, [this](const ExprPtr& e) { return Count(*e); });
  }

  bool CountNode(const ColumnExpr&) { return true; }
  bool CountNode(const LiteralExpr&) { return true; }
  bool CountNode(const CallExpr& e) { return CountAll(e.arguments); }
  bool CountNode(const CastExpr& e) { return Count(*e.value); }
  bool CountNode(const LogicExpr& e) { return CountAll(e.arguments); }
  bool CountNode(const CaseExpr& e) {
    return (!e.otherwise || Count(*e.otherwise)) &&
           std::ranges::all_of(e.whens, [this](const auto& when) {
             return Count(*when.first) && Count(*when.second);
           });
  }
  bool CountNode(const FieldExpr& e) { return Count(*e.row); }
  bool CountNode(const RowExpr& e) { return CountAll(e.fields); }
  bool CountNode(const ArrayExpr& e) { return CountAll(e.elements); }
  bool CountNode(const InExpr& e) { return Count(*e.value); }

  size_t left_;
};

// Whether an operand may stand in the bound expression more than once.
bool MayRepeat(const ast::Expr& expr) {
  const ast::Binary* binary = std::get_if<ast::Binary>(&expr.node);
  if (binary != nullptr) return binary->op == ast::BinaryOp::kOverlaps;
  return std::holds_alternative<ast::FunctionCall>(expr.node) ||
         std::holds_alternative<ast::Case>(expr.node) ||
         std::holds_alternative<ast::Between>(expr.node) ||
         std::holds_alternative<ast::InList>(expr.node);
}

// Whether Fold may evaluate the node: it is deterministic and its arguments are literals.
struct IsFoldable {
  bool operator()(const ColumnExpr&) const { return false; }
  bool operator()(const LiteralExpr&) const { return false; }
  bool operator()(const CallExpr& e) const { return e.deterministic && All(e.arguments); }
  bool operator()(const CastExpr& e) const { return IsLiteral(*e.value); }
  bool operator()(const LogicExpr& e) const { return All(e.arguments); }
  bool operator()(const CaseExpr& e) const {
    return e.otherwise && IsLiteral(*e.otherwise) &&
           std::ranges::all_of(e.whens, [](const auto& when) {
             return IsLiteral(*when.first) && IsLiteral(*when.second);
           });
  }
  bool operator()(const FieldExpr& e) const { return IsLiteral(*e.row); }
  bool operator()(const RowExpr& e) const { return All(e.fields); }
  bool operator()(const ArrayExpr& e) const { return All(e.elements); }
  bool operator()(const InExpr& e) const { return IsLiteral(*e.value); }

  static bool All(const std::vector<ExprPtr>& exprs) {
    return std::ranges::all_of(exprs, [](const ExprPtr& e) { return IsLiteral(*e); });
  }
};

}  // namespace

bool IsLiteral(const Expr& expr) { return std::holds_alternative<LiteralExpr>(expr.node); }

bool IsNullLiteral(const Expr& expr) {
  const LiteralExpr* literal = std::get_if<LiteralExpr>(&expr.node);
  return literal != nullptr && literal->value.is_null();
}

bool IsStringLiteral(const Expr& expr) {
  return expr.type.id == TypeId::kString && IsLiteral(expr) && !IsNullLiteral(expr);
}

ExprPtr Fold(ExprPtr expr, const std::string& zone) {
  if (!std::visit(IsFoldable{}, expr->node)) return expr;
  try {
    return MakeLiteral(EvaluateConstant(*expr, zone), expr->type, expr->range);
  } catch (const Error& error) {
    if (error.code != ErrorCode::kInvalidValue) throw;
    return expr;
  }
}

ExprPtr Coerce(ExprPtr expr, const Type& type, const std::string& zone) {
  if (!IsLiteral(*expr) && SameValues(expr->type, type)) return expr;
  return MakeCast(std::move(expr), type, /*try_cast=*/false, zone);
}

ExprPtr CoerceStringLiteral(ExprPtr expr, const Type& type, const std::string& zone) {
  if (!IsStringLiteral(*expr) || !ReadableFromString(type.id)) return expr;
  const std::string& text = std::get<std::string>(std::get<LiteralExpr>(expr->node).value.data);
  Type target = type;
  // The literal may have more digits than the type that it is compared with.
  if (target.id == TypeId::kDecimal) target = Type::MakeDecimal(38, type.scale);
  const size_t point = text.find('.');
  if (IsTimestamp(target.id) && point != std::string::npos) {
    const size_t digits = std::min<size_t>(text.size() - point - 1, 6);
    target.precision = std::max(target.precision, static_cast<uint8_t>(digits));
  }
  try {
    return MakeCast(expr, target, /*try_cast=*/false, zone);
  } catch (const Error& error) {
    throw Error(ErrorCode::kTypeMismatch,
                "'" + text + "' (" + expr->type.AsNullable().ToString() + ") cannot be read as " +
                    type.AsNullable().ToString(),
                expr->range, error.hint);
  }
}

void CheckTreeSize(const Expr& expr, SourceRange range) {
  if (NodeCounter(kMaxTreeNodes).Count(expr)) return;
  throw Error(ErrorCode::kTooLarge, "the expression has more than 100000 parts", range,
              "compute what is used repeatedly in a subquery");
}

ExprBinder::ExprBinder(const Scope& scope, const PlanContext& context, std::string_view clause,
                       std::vector<Notice>* notices)
    : scope_(scope),
      context_(context),
      clause_(clause),
      zone_(context.session != nullptr ? context.session->zone() : "UTC"),
      notices_(notices) {}

void ExprBinder::AddNotice(std::string code, std::string message, SourceRange range) {
  if (notices_ == nullptr) return;
  notices_->push_back({std::move(code), std::move(message), range});
}

ExprPtr ExprBinder::Bind(const ast::Expr& expr) {
  auto* call = std::get_if<ast::FunctionCall>(&expr.node);
  if (call && !call->over && IsAggregateCall(*call)) {
    const OuterScope* block = EnclosingBlockOf(*call, scope_);
    if (block) return BindOuterAggregate(expr, *block);
  }
  if (scope_.replace) {
    if (ExprPtr replaced = scope_.replace(expr)) return replaced;
  }
  ExprPtr bound =
      std::visit([&](const auto& node) { return BindNode(node, RangeOf(expr)); }, expr.node);
  if (MayRepeat(expr)) CheckTreeSize(*bound, RangeOf(expr));
  return bound;
}

ExprPtr ExprBinder::BindBoolean(const ast::Expr& expr, std::string_view what) {
  ExprPtr bound = Bind(expr);
  if (bound->type.id == TypeId::kNull) return MakeCast(std::move(bound), TypeId::kBoolean);
  if (bound->type.id != TypeId::kBoolean) {
    throw Error(ErrorCode::kTypeMismatch,
                std::string(what) + " must be BOOLEAN, but this is " + bound->type.ToString(),
                RangeOf(expr));
  }
  return bound;
}

ExprPtr ExprBinder::BindNode(const ast::Star&, SourceRange range) {
  throw Error(ErrorCode::kBadRequest, "* cannot stand here", range,
              "it is for select lists and COUNT(*)");
}

ExprPtr ExprBinder::BindMinus(const ast::Expr& operand, SourceRange range) {
  using Kind = ast::LiteralKind;
  // -2147483648 is an INT although 2147483648 is none.
  if (const ast::Literal* literal = std::get_if<ast::Literal>(&operand.node)) {
    if (literal->kind == Kind::kInterval) return BindInterval(*literal, true, range);
    if (literal->kind >= Kind::kInteger && literal->kind <= Kind::kApproximate) {
      return BindNumber(literal->kind, '-' + literal->text, range);
    }
  }
  return Operator("negate", {Bind(operand)}, range);
}

ExprPtr ExprBinder::BindNode(const ast::Unary& unary, SourceRange range) {
  if (unary.op == ast::UnaryOp::kMinus) return BindMinus(*unary.operand, range);
  if (unary.op == ast::UnaryOp::kNot) {
    return Not(BindBoolean(*unary.operand, "the operand of NOT"), range);
  }
  ExprPtr operand = Bind(*unary.operand);
  const TypeId id = operand->type.id;
  const bool interval = id == TypeId::kIntervalDay || id == TypeId::kIntervalMonth;
  if (!IsNumeric(id) && !interval && id != TypeId::kNull) {
    throw Error(ErrorCode::kTypeMismatch, "+ does not take " + operand->type.ToString(), range);
  }
  return operand;
}

ExprPtr ExprBinder::BindNode(const ast::Binary& binary, SourceRange range) {
  switch (binary.op) {
    case ast::BinaryOp::kOverlaps:
      return BindOverlaps(binary, range);
    case ast::BinaryOp::kAnd:
    case ast::BinaryOp::kOr: {
      const bool conjunction = binary.op == ast::BinaryOp::kAnd;
      std::vector<ExprPtr> arguments;
      FlattenLogic(binary.op, *binary.left, &arguments);
      FlattenLogic(binary.op, *binary.right, &arguments);
      return MakeLogic(conjunction, std::move(arguments), range);
    }
    default:
      break;
  }
  ExprPtr left = Bind(*binary.left);
  ExprPtr right = Bind(*binary.right);
  const std::string_view name = OperatorName(binary.op);
  if (IsComparison(binary.op)) return Compare(name, std::move(left), std::move(right), range);
  return Operator(name, {std::move(left), std::move(right)}, range);
}

ExprPtr ExprBinder::BindNode(const ast::Cast& cast, SourceRange range) {
  ExprPtr operand = Bind(*cast.operand);
  const Type type = ResolveType(cast.type, notices_);
  if (!IsNullLiteral(*operand) && CastKindOf(operand->type, type) == CastKind::kNone) {
    throw Error(ErrorCode::kTypeMismatch,
                "cannot cast " + operand->type.ToString() + " to " + type.ToString(), range);
  }
  // A failing cast of a literal is left to the rows that get there.
  if (IsLiteral(*operand) && !cast.try_cast) {
    const Type result = type.AsNullable(IsNullLiteral(*operand));
    if (operand->type.SameAs(type)) return operand;
    if (IsNullLiteral(*operand)) return MakeLiteral({}, result, range);
    return Fold(MakeNode(CastExpr{std::move(operand), false}, result, range), zone_);
  }
  ExprPtr bound = MakeCast(operand, type, cast.try_cast, zone_);
  if (bound == operand) return bound;
  Expr ranged = *bound;
  ranged.range = range;
  return std::make_shared<const Expr>(std::move(ranged));
}

ExprPtr ExprBinder::BindNode(const ast::RowConstructor& row, SourceRange range) {
  std::vector<ExprPtr> fields;
  std::vector<Field> types;
  for (const ast::ExprPtr& field : row.fields) {
    fields.push_back(Bind(*field));
    types.push_back({"EXPR$" + std::to_string(types.size()), fields.back()->type});
  }
  Type type = Type::MakeRow(std::move(types)).AsNullable(false);
  return MakeNode(RowExpr{std::move(fields)}, std::move(type), range);
}

ExprPtr ExprBinder::BindNode(const ast::ArrayConstructor& array, SourceRange range) {
  std::vector<ExprPtr> elements;
  for (const ast::ExprPtr& element : array.elements) elements.push_back(Bind(*element));
  if (elements.empty()) ThrowUnsupported("an ARRAY constructor needs an element", range);
  const Type element = Unify(elements, "the elements of an ARRAY");
  Type type = Type::MakeArray(element).AsNullable(false);
  return Fold(MakeNode(ArrayExpr{std::move(elements)}, std::move(type), range), zone_);
}

ExprPtr ExprBinder::BindNode(const ast::MapConstructor& map, SourceRange range) {
  std::vector<ExprPtr> entries;
  for (const ast::ExprPtr& entry : map.entries) entries.push_back(Bind(*entry));
  if (entries.empty()) ThrowUnsupported("a MAP constructor needs an entry", range);
  return Operator("map", std::move(entries), range);
}

ExprPtr ExprBinder::BindNode(const ast::Index& index, SourceRange range) {
  ExprPtr operand = Bind(*index.operand);
  ExprPtr position = Bind(*index.index);
  return Operator("[]", {std::move(operand), std::move(position)}, range);
}

ExprPtr ExprBinder::BindNode(const ast::FieldAccess& access, SourceRange range) {
  ExprPtr operand = Bind(*access.operand);
  const SourceRange at = inlined_at_.value_or(access.field.range);
  if (operand->type.id != TypeId::kRow) {
    throw Error(ErrorCode::kTypeMismatch,
                operand->type.ToString() + " has no field \"" + access.field.text + '"', at);
  }
  bool inexact = false;
  const std::optional<size_t> field = FindField(operand->type, access.field.text, &inexact);
  if (!field) {
    std::vector<std::string_view> names;
    for (const Field& candidate : *operand->type.children) names.push_back(candidate.name);
    throw Error(ErrorCode::kColumnNotFound, "there is no field \"" + access.field.text + '"', at,
                DidYouMean(access.field.text, names));
  }
  return MakeField(std::move(operand), *field, range);
}

ExprPtr ExprBinder::BindNode(const ast::Descriptor&, SourceRange range) {
  throw Error(ErrorCode::kBadRequest, "DESCRIPTOR is an argument of table functions only", range);
}

ExprPtr ExprBinder::BindNode(const ast::TableArg&, SourceRange range) {
  throw Error(ErrorCode::kBadRequest, "TABLE is an argument of table functions only", range);
}

ExprPtr BindExpr(const ast::Expr& expr, const Scope& scope, const PlanContext& context,
                 std::vector<Notice>* notices) {
  return ExprBinder(scope, context, "", notices).Bind(expr);
}

ExprPtr BindPredicate(const ast::Expr& expr, const Scope& scope, const PlanContext& context,
                      std::string_view what, std::vector<Notice>* notices) {
  return ExprBinder(scope, context, what, notices).BindBoolean(expr, what);
}

ExprPtr BindFilter(const ast::Expr& expr, const Schema& schema, const PlanContext& context) {
  return BindPredicate(expr, ScopeOf(schema), context, "filter", nullptr);
}

int64_t BindIntervalMicros(const ast::Expr& expr, const PlanContext& context) {
  const Scope scope;
  ExprPtr bound = BindExpr(expr, scope, context, nullptr);
  if (bound->type.id == TypeId::kIntervalDay && IsLiteral(*bound) && !IsNullLiteral(*bound)) {
    return std::get<int64_t>(std::get<LiteralExpr>(bound->node).value.data);
  }
  if (bound->type.id == TypeId::kIntervalMonth) {
    throw Error(ErrorCode::kTypeMismatch, "months and years have no fixed length", expr.range,
                "write the interval in days, hours, minutes or seconds");
  }
  throw Error(ErrorCode::kTypeMismatch,
              "an interval is needed here, but this is " + bound->type.ToString(), expr.range,
              "write INTERVAL '10' SECOND");
}

}  // namespace millrace
