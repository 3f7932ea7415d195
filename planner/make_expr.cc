#include "planner/make_expr.h"

#include <algorithm>

namespace millrace {

ExprPtr MakeBoolean(bool value, SourceRange range) {
  return MakeLiteral({value}, Type(TypeId::kBoolean, false), range);
}

ExprPtr MakeUnknown(SourceRange range) { return MakeLiteral({}, Type(TypeId::kBoolean), range); }

ExprPtr MakeInteger(int64_t value, SourceRange range) {
  return MakeLiteral({value}, Type(TypeId::kBigInt, false), range);
}

ExprPtr MakeString(std::string value, SourceRange range) {
  return MakeLiteral({std::move(value)}, Type(TypeId::kString, false), range);
}

ExprPtr MakeNull(const Type& type, SourceRange range) { return MakeLiteral({}, type, range); }

ExprPtr MakeIsNull(ExprPtr expr, SourceRange range) {
  return MakeCall("is_null", {std::move(expr)}, "UTC", range);
}

ExprPtr MakeIsNotNull(ExprPtr expr, SourceRange range) {
  return MakeCall("is_not_null", {std::move(expr)}, "UTC", range);
}

ExprPtr MakeLogic(bool conjunction, std::vector<ExprPtr> arguments, SourceRange range) {
  if (arguments.size() == 1) return arguments[0];
  const bool nullable =
      std::ranges::any_of(arguments, [](const ExprPtr& e) { return e->type.nullable; });
  return std::make_shared<const Expr>(
      Expr{Type(TypeId::kBoolean, nullable), range, LogicExpr{conjunction, std::move(arguments)}});
}

ExprPtr MakeCase(Type type, std::vector<std::pair<ExprPtr, ExprPtr>> whens, ExprPtr otherwise,
                 SourceRange range) {
  bool nullable = otherwise->type.nullable;
  for (const auto& [when, then] : whens) nullable = nullable || then->type.nullable;
  return std::make_shared<const Expr>(
      Expr{type.AsNullable(nullable), range, CaseExpr{std::move(whens), std::move(otherwise)}});
}

ExprPtr MakeEqual(ExprPtr left, ExprPtr right, bool null_equal, SourceRange range) {
  return MakeCall(null_equal ? "is_not_distinct_from" : "=", {std::move(left), std::move(right)},
                  "UTC", range);
}

}  // namespace millrace
