// Expressions as EXPLAIN prints them: close to SQL, compound operands in parentheses.

#include <algorithm>

#include "functions/expr.h"

namespace millrace {
namespace {

constexpr std::string_view kInfix[] = {"+",
                                       "-",
                                       "*",
                                       "/",
                                       "%",
                                       "=",
                                       "<>",
                                       "<",
                                       ">",
                                       "<=",
                                       ">=",
                                       "||",
                                       "like",
                                       "similar_to",
                                       "is_distinct_from",
                                       "is_not_distinct_from"};

std::string Upper(std::string_view name) {
  std::string text(name);
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == '_') c = ' ';
  }
  return text;
}

std::string Quoted(std::string_view s) {
  std::string text = "'";
  for (char c : s) {
    if (c == '\'') text += '\'';
    text += c;
  }
  return text + '\'';
}

std::string LiteralText(const Value& value, const Type& type) {
  if (value.is_null()) return "NULL";
  const std::string text = ToText(value, type);
  switch (type.id) {
    case TypeId::kString:
      return Quoted(text);
    case TypeId::kDate:
      return "DATE " + Quoted(text);
    case TypeId::kTime:
      return "TIME " + Quoted(text);
    case TypeId::kTimestamp:
    case TypeId::kTimestampLtz:
      return "TIMESTAMP " + Quoted(text);
    case TypeId::kIntervalMonth:
      return "INTERVAL " + Quoted(text) + " YEAR TO MONTH";
    case TypeId::kIntervalDay:
      return "INTERVAL " + Quoted(text) + " DAY TO SECOND";
    default:
      return text;
  }
}

class Printer {
 public:
  explicit Printer(std::span<const std::string> names) : names_(names) {}

  std::string Print(const Expr& expr) const {
    return std::visit([&](const auto& node) { return Print(node, expr.type); }, expr.node);
  }

 private:
  std::string Print(const ColumnExpr& e, const Type&) const {
    return e.index < names_.size() ? names_[e.index] : '$' + std::to_string(e.index);
  }
  std::string Print(const LiteralExpr& e, const Type& type) const {
    return LiteralText(e.value, type);
  }
  std::string Print(const CastExpr& e, const Type& type) const {
    return (e.try_cast ? "TRY_CAST(" : "CAST(") + Print(*e.value) + " AS " +
           type.AsNullable().ToString() + ')';
  }
  std::string Print(const LogicExpr& e, const Type&) const {
    return Join(e.arguments, e.conjunction ? " AND " : " OR ", true);
  }
  std::string Print(const CaseExpr& e, const Type&) const {
    std::string text = "CASE";
    for (const auto& [condition, value] : e.whens) {
      text += " WHEN " + Print(*condition) + " THEN " + Print(*value);
    }
    if (e.otherwise) text += " ELSE " + Print(*e.otherwise);
    return text + " END";
  }
  std::string Print(const FieldExpr& e, const Type&) const {
    const std::vector<Field>& fields = *e.row->type.children;
    return Operand(*e.row) + '.' + fields[e.index].name;
  }
  std::string Print(const RowExpr& e, const Type&) const {
    return "ROW(" + Join(e.fields, ", ", false) + ')';
  }
  std::string Print(const ArrayExpr& e, const Type&) const {
    return "ARRAY[" + Join(e.elements, ", ", false) + ']';
  }
  std::string Print(const InExpr& e, const Type&) const {
    std::string text = Operand(*e.value) + (e.negated ? " NOT IN (" : " IN (");
    for (size_t i = 0; i < e.list->size(); ++i) {
      if (i > 0) text += ", ";
      text += LiteralText((*e.list)[i], e.value->type);
    }
    return text + ')';
  }
  std::string Print(const CallExpr& e, const Type&) const {
    if (e.arguments.size() == 2 && IsInfix(e.name)) {
      return Join(e.arguments, ' ' + Upper(e.name) + ' ', true);
    }
    if (e.name == "[]") return Operand(*e.arguments[0]) + '[' + Print(*e.arguments[1]) + ']';
    if (e.name == "negate") return '-' + Operand(*e.arguments[0]);
    if (e.name == "not") return "NOT " + Operand(*e.arguments[0]);
    if (IsTest(e)) return Operand(*e.arguments[0]) + ' ' + Upper(e.name);
    std::string name = e.name;
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
    return name + '(' + Join(e.arguments, ", ", false) + ')';
  }

  static bool IsInfix(std::string_view name) {
    return std::ranges::find(kInfix, name) != std::end(kInfix);
  }
  // IS NULL and its kin; IS_ALPHA, IS_DIGIT, IS_DECIMAL are functions.
  static bool IsTest(const CallExpr& e) {
    return e.arguments.size() == 1 && e.name.starts_with("is_") &&
           !(e.name == "is_alpha" || e.name == "is_digit" || e.name == "is_decimal");
  }

  static bool IsCompound(const Expr& expr) {
    if (std::holds_alternative<LogicExpr>(expr.node) || std::holds_alternative<InExpr>(expr.node)) {
      return true;
    }
    const CallExpr* call = std::get_if<CallExpr>(&expr.node);
    return call != nullptr && (IsInfix(call->name) || IsTest(*call) || call->name == "not");
  }

  std::string Operand(const Expr& expr) const {
    return IsCompound(expr) ? '(' + Print(expr) + ')' : Print(expr);
  }

  std::string Join(const std::vector<ExprPtr>& exprs, std::string_view separator,
                   bool operands) const {
    std::string text;
    for (const ExprPtr& expr : exprs) {
      if (!text.empty()) text += separator;
      text += operands ? Operand(*expr) : Print(*expr);
    }
    return text;
  }

  std::span<const std::string> names_;
};

}  // namespace

std::string ToString(const Expr& expr, std::span<const std::string> names) {
  return Printer(names).Print(expr);
}

}  // namespace millrace
