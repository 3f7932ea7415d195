// Takes the columns of an enclosing query out of a subquery's plan (general unnesting, after
// Neumann and Kemper, "Unnesting Arbitrary Queries").
//
// A subquery that uses values of the enclosing row becomes one plan for all such rows: its rows
// carry the values they belong to in further columns, and are joined to the enclosing rows by them.
// A value that the subquery equates with an expression of its own is that expression; only for
// others the plan joins the distinct values that the enclosing rows have.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "planner/outer_columns.h"
#include "planner/push_filters.h"

namespace millrace {

// Columns that hold values of the enclosing row, by the values' numbers.
struct OuterKey {
  size_t column;
  bool null_equal;  // NULL is a value like any other; else no row has it.
};
using OuterKeys = std::map<size_t, OuterKey>;

struct Decorrelated {
  NodePtr node;  // The subquery's columns come first.
  OuterKeys keys;
};

class Decorrelator {
 public:
  // Gives the distinct values of expressions over outer columns as the columns of a plan.
  using Domain = std::function<NodePtr(const std::vector<ExprPtr>&)>;
  using Values = std::set<size_t>;

  // For the columns of block `query`. `ttl` is of the state that it adds, microseconds.
  Decorrelator(size_t query, int64_t ttl, Domain domain)
      : query_(query), ttl_(ttl), domain_(std::move(domain)) {}

  // For each row of the enclosing block: the rows of `node` where `terms` hold, with the values of
  // that row which they and `used` speak of. May give rows for values that no enclosing row has.
  // Throws kUnsupportedFeature at a node that cannot do without the enclosing row.
  Decorrelated Run(NodePtr node, Terms terms, const std::vector<ExprPtr>& used);

  // Value `number` as an expression over outer columns.
  const ExprPtr& value(size_t number) const { return values_[number]; }
  // `expr` with columns of `keys` in place of the values.
  ExprPtr Localize(const ExprPtr& expr, const OuterKeys& keys) const;

 private:
  // Of a value and an expression over the subquery's own columns.
  struct Equality {
    size_t value;
    ExprPtr inner;
    bool null_equal;
  };

  // Values (decorrelate.cc).
  std::optional<Equality> AsEquality(const Expr& term);
  size_t NumberOf(const ExprPtr& value);
  void AddValues(const ExprPtr& expr, Values* values);
  Values ValuesOf(const Terms& terms);
  Values ValuesIn(const Node& root);
  void CopyCommons(Node* node) const;

  // Each gives the rows of `node` where `terms` hold, with at least the values in `required`.
  Decorrelated Push(NodePtr node, Terms terms, Values required);
  Decorrelated Leaf(NodePtr node, Terms terms, Values required);
  Decorrelated JoinDomain(NodePtr node, Terms terms, const Values& values);
  Decorrelated FilterAbove(Decorrelated rows, Terms terms) const;
  NodePtr MakeDistinct(NodePtr node) const;

  // Nodes of one input and sets (decorrelate_nodes.cc).
  template <class Op>
  Decorrelated PushOp(NodePtr node, const Op& op, Terms terms, Values required);
  Decorrelated PushOp(NodePtr node, const Filter& op, Terms terms, Values required);
  Decorrelated PushOp(NodePtr node, const Project& op, Terms terms, Values required);
  Decorrelated PushOp(NodePtr node, const AssignWindows& op, Terms terms, Values required);
  Decorrelated PushOp(NodePtr node, const Expand& op, Terms terms, Values required);
  Decorrelated PushOp(NodePtr node, const Aggregate& op, Terms terms, Values required);
  Decorrelated PushOp(NodePtr node, const TopN& op, Terms terms, Values required);
  Decorrelated PushOp(NodePtr node, const Sort& op, Terms terms, Values required);
  Decorrelated PushOp(NodePtr node, const Over& op, Terms terms, Values required);
  Decorrelated PushOp(NodePtr node, const Unnest& op, Terms terms, Values required);
  Decorrelated PushOp(NodePtr node, const UnionAll& op, Terms terms, Values required);
  Decorrelated PushOp(NodePtr node, const SetMinus& op, Terms terms, Values required);
  Decorrelated PushGlobal(NodePtr node, Terms terms, Values required);
  Decorrelated PushBranches(NodePtr node, Terms terms, Values required);

  // Joins (decorrelate_join.cc).
  Decorrelated PushOp(NodePtr node, const Join& op, Terms terms, Values required);
  Decorrelated PushValues(NodePtr node, Terms terms, Values values);
  Decorrelated SemiAsInner(NodePtr left, Decorrelated partners, const Terms& on, SourceRange range);
  Decorrelated JoinAgain(const Node& node, size_t left_columns, Decorrelated left,
                         Decorrelated right, Terms on);

  const size_t query_;
  const int64_t ttl_;
  const Domain domain_;
  std::vector<ExprPtr> values_;
};

// All columns in the expressions of a plan's nodes.
void ForEachColumnOf(const Node& root, const std::function<void(size_t)>& f);
// Whether it uses columns of block `query`, or of any enclosing block.
bool UsesOuter(const Expr& expr, size_t query);
bool UsesOuter(const Node& root, size_t query);
bool HasOuterColumns(const Expr& expr);
bool HasOuterColumns(const Node& root);

// The same expression with f in place of the columns of the node's own input.
ExprPtr RemapInner(const ExprPtr& expr, const std::function<ExprPtr(size_t, const Expr&)>& f);

// The result of `call`, which is `column`, or what it gives over no rows where an outer join found
// none.
ExprPtr OrNothing(const AggregateCall& call, ExprPtr column, SourceRange range);

}  // namespace millrace
