// Subqueries in expressions: bound where they stand, then joined to the rows of their query block.
//
//   EXISTS, IN in WHERE        semi and anti joins
//   a value                    an outer join with at most one row
//   EXISTS, IN, ANY, ALL       outer joins with distinct values, counts and extremes, from which
//     as values                the three-valued result follows
//
// Subqueries that use columns of the block lose them in the process (planner/decorrelate.h).
#pragma once

#include <map>
#include <vector>

#include "planner/bind_query.h"
#include "planner/decorrelate.h"
#include "planner/join.h"

namespace millrace {

struct Subquery {
  enum class Kind : uint8_t { kScalar, kExists, kIn, kQuantified };
  Kind kind = Kind::kScalar;
  bool negated = false;  // NOT IN
  bool all = false;      // Of kQuantified; else ANY.
  NodePtr node;
  // Of kIn (all must hold) and kQuantified (one): calls with a value of the block's row and one of
  // the subquery's, the latter over inner columns.
  std::vector<ExprPtr> comparisons;
  Type type;  // Of the value.
  SourceRange range;
};

// The subqueries in a block's expressions.
class Subqueries {
 public:
  explicit Subqueries(QueryBinder* binder) : binder_(binder), query_(binder->NewQuery()) {}

  // Binds a query that stands in an expression over `scope`.
  NodePtr Bind(const ast::Query& query, const Scope& scope) const;
  // The expression that stands for the subquery's value.
  ExprPtr Add(Subquery subquery);
  // Whether the column stands for one of these subqueries.
  bool Has(size_t column) const;
  // Which inputs of a join the term uses, in its subqueries too; nothing when it has none of these.
  std::optional<JoinSides> SidesOf(const Expr& term, size_t left_columns) const;
  Subquery& Get(size_t column);
  // The columns that stand for those that were not joined yet.
  std::vector<size_t> Open() const;

  QueryBinder& binder() const { return *binder_; }
  size_t query() const { return query_; }

 private:
  size_t FirstColumn() const { return kFirstSubquery + query_ * kColumnsPerQuery; }

  QueryBinder* binder_;
  const size_t query_;  // Its number among the statement's blocks.
  std::vector<Subquery> subqueries_;
};

// Joins a block's subqueries to its rows. What it adds to them are columns behind their own.
class SubqueryJoiner {
 public:
  // Gives an expression over the block's scope as one over `node`; columns that stand for something
  // else stay.
  using Place = std::function<ExprPtr(const ExprPtr&)>;

  SubqueryJoiner(
      Subqueries* subqueries, NodePtr node, Place place = [](const ExprPtr& e) { return e; });

  // Keeps the rows where the condition over the scope is TRUE.
  void Filter(const ExprPtr& condition);
  // Joins all that are left: Resolve adds nothing from here on.
  void ResolveAll();
  // An expression over the scope as one over the rows.
  ExprPtr Resolve(const ExprPtr& expr);
  // JOIN LATERAL: the columns of `right` follow the rows' own. `on` is over both.
  NodePtr JoinLateral(JoinKind kind, NodePtr right, Terms on, SourceRange range);

  NodePtr Take() { return std::move(node_); }

 private:
  // A subquery without the projections and filters above `node`: what they give and ask, over its
  // columns and outer ones.
  struct Peeled {
    NodePtr node;
    Terms terms;
    std::vector<ExprPtr> outputs;
  };
  // Rows to join: `terms` and `outputs` are over the block's columns and then the node's.
  struct Partner {
    NodePtr node;
    Terms terms;
    std::vector<ExprPtr> outputs;
  };
  // Rows to join by equal values alone; `outputs` are over the node's columns.
  struct Key {
    ExprPtr value;  // Over the block's rows.
    size_t column;
    bool null_equal;
  };
  struct Keyed {
    NodePtr node;
    std::vector<Key> keys;
    std::vector<ExprPtr> outputs;
  };
  // A single row for each of the block's: there if `condition` (null: TRUE). Over the block's rows.
  struct Row {
    ExprPtr condition;
    std::vector<ExprPtr> outputs;
  };
  // How many rows a subquery has, and how many with NULL; NULL where it has none.
  struct Counts {
    ExprPtr rows, nulls;
  };

  static Peeled Peel(NodePtr node);
  // Appends a column that is TRUE, to tell rows from those that an outer join makes up.
  static NodePtr AddMark(NodePtr node, SourceRange range);
  static bool IsHalfJoin(const Subquery& subquery);
  static bool IsSingleRow(const Node& root);
  static NodePtr CopyPeels(NodePtr* root);
  NodePtr Domain(const std::vector<ExprPtr>& values);
  Partner AsPartner(Keyed keyed) const;
  Partner MakePartner(Peeled peeled);
  Keyed MakeKeyed(Peeled peeled);
  Row JoinSingleRow(Peeled peeled);
  // Joins a projection of `keyed` to the block's rows: its keys, then `exprs`; returns the place of
  // the latter. With `mark`: distinct rows of them, and TRUE behind them where there is one; `terms`
  // as further conditions.
  size_t JoinKeys(Keyed keyed, std::vector<ExprPtr> exprs, bool mark,
                  const std::function<Terms(size_t first)>& terms = {});
  size_t JoinAggregate(Keyed keyed, const std::vector<std::pair<std::string, ExprPtr>>& calls);

  // Values in place of the columns that stand for subqueries.
  ExprPtr Substitute(const ExprPtr& expr);
  ExprPtr Joined(size_t column);
  void ResolveSides(const Subquery& subquery);
  void Restrict(Subquery* subquery, bool negated);
  void RestrictNotIn(Subquery* subquery);
  void HalfJoin(Partner partner, bool anti, SourceRange range);
  ExprPtr ValueOf(Subquery* subquery);
  ExprPtr ScalarValue(Subquery* subquery);
  ExprPtr SingleValue(Subquery* subquery, Keyed keyed);
  ExprPtr ExistsValue(NodePtr node, SourceRange range);
  ExprPtr InValue(Subquery* subquery);
  ExprPtr ComparisonUnknown(Subquery* subquery);
  ExprPtr QuantifiedValue(Subquery* subquery);
  static Keyed Again(Keyed* keyed);
  Counts JoinCounts(Keyed keyed, const ExprPtr& comparison);

  // A subquery's expression over the block's rows: f gives its own columns.
  ExprPtr AtBlock(const ExprPtr& expr, const std::function<ExprPtr(size_t, const Expr&)>& f) const;
  // A comparison with these outputs of its subquery.
  ExprPtr Compare(const ExprPtr& comparison, const std::vector<ExprPtr>& outputs);
  ExprPtr InnerSide(const ExprPtr& comparison, const std::vector<ExprPtr>& outputs) const;
  ExprPtr Column(size_t column, SourceRange range) const;
  Join NewJoin(JoinKind kind) const;

  Subqueries& subqueries_;
  const QueryBinder& binder_;
  const size_t query_;
  const int64_t ttl_;
  NodePtr node_;
  const Place place_;
  std::map<size_t, ExprPtr> values_;  // By the columns that stand for them.
};

}  // namespace millrace
