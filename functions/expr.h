// Bound expressions: typed, immutable trees, evaluated a batch at a time.
//
// The planner builds and rewrites them, operators evaluate them; constants are folded by
// evaluation.
#pragma once

#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "base/error.h"
#include "functions/scalar.h"
#include "types/value.h"

namespace millrace {

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

struct ColumnExpr {
  size_t index;
};
struct LiteralExpr {
  Value value;
};
// A call of a function whose arguments have exactly the parameters' types.
struct CallExpr {
  std::string name;
  ScalarKernel kernel;
  std::vector<ExprPtr> arguments;
  bool deterministic = true;
};
struct CastExpr {
  ExprPtr value;
  bool try_cast = false;
};  // To the Expr's type.
// AND, OR with SQL's three-valued logic. An error of an argument counts only where the arguments
// before it do not already decide the row.
struct LogicExpr {
  bool conjunction;
  std::vector<ExprPtr> arguments;
};
// CASE WHEN … THEN … ELSE …; also IF, COALESCE, NULLIF are bound to it. An error of a branch counts
// only for rows that take it.
struct CaseExpr {
  std::vector<std::pair<ExprPtr, ExprPtr>> whens;
  ExprPtr otherwise;
};
struct FieldExpr {
  ExprPtr row;
  size_t index;
};  // Field of a ROW.
struct RowExpr {
  std::vector<ExprPtr> fields;
};  // ROW(a, b)
struct ArrayExpr {
  std::vector<ExprPtr> elements;
};
class InSet;
// value IN (constants): a hash set. Made by MakeIn.
struct InExpr {
  ExprPtr value;
  std::shared_ptr<const std::vector<Value>> list;
  std::shared_ptr<const InSet> set;
  bool negated = false;
};

struct Expr {
  Type type;
  SourceRange range;  // In the statement, for error messages.
  std::variant<ColumnExpr, LiteralExpr, CallExpr, CastExpr, LogicExpr, CaseExpr, FieldExpr, RowExpr,
               ArrayExpr, InExpr>
      node;
};

ExprPtr MakeColumnExpr(size_t index, Type type, SourceRange range = {});
ExprPtr MakeLiteral(Value value, Type type, SourceRange range = {});
// The expression cast to `type`; itself when it already has it (but for nullability). Literals are
// cast at once.
ExprPtr MakeCast(ExprPtr expr, const Type& type, bool try_cast = false,
                 const std::string& zone = "UTC");

// `value [NOT] IN (list)`; the list's values have the type of `value`, NULLs among them.
ExprPtr MakeIn(ExprPtr value, std::vector<Value> list, bool negated, SourceRange range = {});

// The value of each row of `batch`; rows that fail are added to context.errors.
Column Evaluate(const Expr& expr, const Batch& batch, EvalContext& context);

// For each row of `batch` whether `predicate` is TRUE (not NULL): flat, without NULLs; rows that
// fail are added to context.errors.
Column EvaluateCondition(const Expr& predicate, const Batch& batch, EvalContext& context);

// The rows where `predicate` is TRUE (not NULL, not failed).
std::vector<uint32_t> Select(const Expr& predicate, const Batch& batch, EvalContext& context);

// The value of an expression without columns. Throws Error(kInvalidValue) at the expression's range
// when it fails.
Value EvaluateConstant(const Expr& expr, const std::string& zone);

bool IsConstant(const Expr& expr);  // No columns and deterministic.
bool IsDeterministic(const Expr& expr);
// Calls f with every column index in the tree.
void ForEachColumn(const Expr& expr, const std::function<void(size_t)>& f);
// The same expression over another layout: column i becomes f(i).
ExprPtr RemapColumns(const ExprPtr& expr,
                     const std::function<ExprPtr(const ColumnExpr&, const Expr&)>& f);
// As EXPLAIN prints it, with `names` for the columns.
std::string ToString(const Expr& expr, std::span<const std::string> names);
bool SameExpr(const Expr& a, const Expr& b);  // Structurally equal and deterministic.

}  // namespace millrace
