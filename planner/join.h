// Joins as plan nodes: makes them, and takes their conditions apart.
//
// A condition is a list of terms that must all be TRUE, over the columns of the left input and then
// those of the right one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/plan.h"

namespace millrace {

// An equality of an expression over the left input and one over the right; each side's columns are
// its own input's. Both have one type, as far as encoded keys go.
struct JoinEquality {
  ExprPtr left, right;
  bool null_equal = false;  // IS NOT DISTINCT FROM
};

// `term` as an equality between the inputs, of which the left one has `left_columns` columns;
// nothing when it is something else.
std::optional<JoinEquality> AsJoinEquality(const Expr& term, size_t left_columns);
// Whether equal keys say all that the equality says. NaN is one key but not equal to itself, so
// equalities of FLOAT and DOUBLE must be tested as well.
bool KeysDecide(const JoinEquality& equality);

// Whether `term` uses columns of the left input (those below `left_columns`) and of the right one.
struct JoinSides {
  bool left = false, right = false;
};
JoinSides SidesOf(const Expr& term, size_t left_columns);
// `expr` over columns from `first` on as one over an input that begins there, and back.
ExprPtr ShiftDown(const ExprPtr& expr, size_t first);
ExprPtr ShiftUp(const ExprPtr& expr, size_t first);

// Adds terms to the condition. Equalities of two columns become keys, the others residual.
void AddTerms(std::vector<ExprPtr> terms, size_t left_columns, Join* join);
// `join` of these inputs and terms, with schema and properties. Equalities of two columns become
// its keys, the other terms its residual; what else `join` says stays.
NodePtr MakeJoin(Join join, NodePtr left, NodePtr right, std::vector<ExprPtr> terms,
                 SourceRange range);
// The terms that the join was made of.
std::vector<ExprPtr> TermsOf(const Node& join);
// The output of such a join: NULLs stand for the missing partner of an outer row.
Schema JoinSchema(JoinKind kind, const Schema& left, const Schema& right);
// The output's columns by name for messages and EXPLAIN; `left.` and `right.` tell equal names
// apart.
std::vector<std::string> JoinNames(const Schema& left, const Schema& right);

constexpr bool KeepsLeft(JoinKind kind) {
  return kind == JoinKind::kLeft || kind == JoinKind::kFull;
}
constexpr bool KeepsRight(JoinKind kind) {
  return kind == JoinKind::kRight || kind == JoinKind::kFull;
}
constexpr bool IsHalf(JoinKind kind) { return kind == JoinKind::kSemi || kind == JoinKind::kAnti; }

// A call of a built-in function; arguments are cast to its parameters. Throws kTypeMismatch at
// `range` when it does not take them.
ExprPtr MakeCall(std::string_view name, std::vector<ExprPtr> arguments, const std::string& zone,
                 SourceRange range);

}  // namespace millrace
