// The binder of one expression: a walk over its tree. bind_expr.h is what others use.
//
// The files bind_expr_*.cc hold its parts: names (scope), literals, predicates, calls.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/bind_expr.h"

namespace millrace {

bool IsLiteral(const Expr& expr);
bool IsNullLiteral(const Expr& expr);
// A literal of type STRING, which may stand for a value of another type.
bool IsStringLiteral(const Expr& expr);

// The value in place of an expression whose arguments are all literals; the expression itself when
// it is not deterministic or fails, so that the error counts only for rows that get there.
ExprPtr Fold(ExprPtr expr, const std::string& zone);

// The function of a comparison or an arithmetic operator.
std::string_view OperatorName(ast::BinaryOp op);

// The expression as `type`, without a cast where the values are the same (VARCHAR(5) to STRING).
ExprPtr Coerce(ExprPtr expr, const Type& type, const std::string& zone);

// A string literal as a value of `type` where SQL writes dates, times and numbers so; any other
// expression as it is. Throws kTypeMismatch at a literal that cannot be read as one.
ExprPtr CoerceStringLiteral(ExprPtr expr, const Type& type, const std::string& zone);

// The place of `name` among the fields of a ROW type: exact case first. Sets `*inexact` when only
// the case differs.
std::optional<size_t> FindField(const Type& row, std::string_view name, bool* inexact);
// Field `index` of a ROW-valued expression.
ExprPtr MakeField(ExprPtr row, size_t index, SourceRange range);

// Throws kTooLarge at `range` when the tree has more than 100,000 nodes. For where an
// expression stands twice: nested, that grows without bound.
void CheckTreeSize(const Expr& expr, SourceRange range);

// The SQL functions whose bodies are being bound, innermost first.
struct InlineFrame {
  const SqlFunction* function;
  const InlineFrame* outer;
};

class ExprBinder {
 public:
  // `clause` names the place for messages, e.g. "WHERE"; `notices` may be null.
  ExprBinder(const Scope& scope, const PlanContext& context, std::string_view clause,
             std::vector<Notice>* notices);

  ExprPtr Bind(const ast::Expr& expr);
  // The same, of type BOOLEAN; `what` is what must be so.
  ExprPtr BindBoolean(const ast::Expr& expr, std::string_view what);

 private:
  // Literals (bind_expr_literal.cc).
  ExprPtr BindNode(const ast::Literal& literal, SourceRange range);
  ExprPtr BindNode(const ast::Parameter& parameter, SourceRange range);
  ExprPtr BindNumber(ast::LiteralKind kind, std::string text, SourceRange range) const;
  ExprPtr BindInterval(const ast::Literal& literal, bool negative, SourceRange range) const;

  // Names, operators without a part of their own (bind_expr.cc).
  ExprPtr BindNode(const ast::ColumnRef& column, SourceRange range);
  ExprPtr BindNode(const ast::Star& star, SourceRange range);
  ExprPtr BindNode(const ast::Unary& unary, SourceRange range);
  ExprPtr BindNode(const ast::Binary& binary, SourceRange range);
  ExprPtr BindNode(const ast::Cast& cast, SourceRange range);
  ExprPtr BindNode(const ast::RowConstructor& row, SourceRange range);
  ExprPtr BindNode(const ast::ArrayConstructor& array, SourceRange range);
  ExprPtr BindNode(const ast::MapConstructor& map, SourceRange range);
  ExprPtr BindNode(const ast::Index& index, SourceRange range);
  ExprPtr BindNode(const ast::FieldAccess& access, SourceRange range);
  ExprPtr BindNode(const ast::Descriptor& descriptor, SourceRange range);
  ExprPtr BindNode(const ast::TableArg& table, SourceRange range);
  ExprPtr BindOuter(const ast::ColumnRef& column, SourceRange range);
  ExprPtr BindOuterAggregate(const ast::Expr& expr, const OuterScope& block) const;
  ExprPtr BindMinus(const ast::Expr& operand, SourceRange range);

  // Subqueries (bind_expr_subquery.cc).
  ExprPtr BindNode(const ast::InSubquery& in, SourceRange range);
  ExprPtr BindNode(const ast::Exists& exists, SourceRange range);
  ExprPtr BindNode(const ast::ScalarSubquery& subquery, SourceRange range);
  ExprPtr BindNode(const ast::Quantified& quantified, SourceRange range);
  Subqueries& NeedSubqueries(SourceRange range) const;
  ExprPtr BindIn(const ast::Expr& value, const ast::Query& query, bool negated, SourceRange range);
  ExprPtr CompareWithInner(std::string_view op, ExprPtr value, const Node& query, size_t column,
                           SourceRange range) const;

  // Predicates and CASE (bind_expr_predicate.cc).
  ExprPtr BindNode(const ast::IsPredicate& is, SourceRange range);
  ExprPtr BindNode(const ast::Between& between, SourceRange range);
  ExprPtr BindNode(const ast::Like& like, SourceRange range);
  ExprPtr BindNode(const ast::InList& in, SourceRange range);
  ExprPtr BindNode(const ast::Case& expr, SourceRange range);
  ExprPtr BindLogic(bool conjunction, const ast::Expr& expr);
  void FlattenLogic(ast::BinaryOp op, const ast::Expr& expr, std::vector<ExprPtr>* arguments);
  ExprPtr BindOverlaps(const ast::Binary& binary, SourceRange range);
  std::pair<ExprPtr, ExprPtr> BindPeriod(const ast::Expr& expr);
  ExprPtr BindInConstants(ExprPtr value, std::vector<ExprPtr> items, bool negated,
                          SourceRange range);
  ExprPtr MakeLogic(bool conjunction, std::vector<ExprPtr> arguments, SourceRange range) const;
  // `whens` may be empty; `otherwise` is never null.
  ExprPtr MakeCase(std::vector<std::pair<ExprPtr, ExprPtr>> whens, ExprPtr otherwise,
                   SourceRange range) const;
  ExprPtr Compare(std::string_view op, ExprPtr left, ExprPtr right, SourceRange range) const;
  ExprPtr CompareRows(std::string_view op, const ExprPtr& left, const ExprPtr& right,
                      SourceRange range) const;
  ExprPtr Not(ExprPtr expr, SourceRange range) const;
  // Brings all to their common type, which is returned; `what` for the message.
  Type Unify(std::span<ExprPtr> exprs, std::string_view what) const;

  // Calls (bind_expr_call.cc).
  ExprPtr BindNode(const ast::FunctionCall& call, SourceRange range);
  std::vector<ExprPtr> BindArguments(const ast::FunctionCall& call);
  void RefuseClauses(const ast::FunctionCall& call, std::string_view name, SourceRange range) const;
  ExprPtr BindSpecial(std::string_view name, const ast::FunctionCall& call, SourceRange range,
                      bool* special);
  ExprPtr Coalesce(std::vector<ExprPtr> arguments, SourceRange range) const;
  ExprPtr Inline(const SqlFunction& function, const ast::FunctionCall& call, SourceRange range);
  [[noreturn]] void ThrowUnknownFunction(const ast::FunctionCall& call) const;
  // A call of a built-in function; errors are given `range`.
  ExprPtr Call(std::string_view name, std::vector<ExprPtr> arguments, SourceRange range) const;
  // The same for an operator, whose types are at fault when there is no overload.
  ExprPtr Operator(std::string_view name, std::vector<ExprPtr> arguments, SourceRange range) const;

  // Inside the body of a SQL function, whose text is another: the place of its call.
  SourceRange RangeOf(const ast::Expr& expr) const { return inlined_at_.value_or(expr.range); }
  void AddNotice(std::string code, std::string message, SourceRange range);

  const Scope& scope_;
  const PlanContext& context_;
  const std::string clause_;
  const std::string zone_;
  std::vector<Notice>* notices_;
  std::optional<SourceRange> inlined_at_;
  const InlineFrame* frame_ = nullptr;
};

}  // namespace millrace
