// The order in which inner joins are made.
#include <algorithm>
#include <bit>
#include <numeric>

#include "planner/join.h"
#include "planner/join_cluster.h"
#include "planner/join_order.h"
#include "planner/properties.h"
#include "planner/push_filters.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

// Makes the nodes of an order.
class TreeBuilder {
 public:
  TreeBuilder(JoinGraph graph, const Join& like, SourceRange range)
      : graph_(std::move(graph)), like_(like), range_(range) {
    for (size_t i = 0; i < graph_.inputs.size(); ++i) {
      JoinInput& input = graph_.inputs[i];
      std::vector<size_t> columns(input.node->schema.size());
      std::iota(columns.begin(), columns.end(), input.first);
      trees_.push_back({SetOf(i), std::move(columns), std::move(input.node)});
    }
  }

  NodePtr Build(const JoinOrder& order) {
    for (const auto& [left, right] : order) JoinTrees(left, right);
    return std::move(trees_[0].node);
  }
  // Where the graph's columns are in the node.
  std::vector<size_t> Places() const {
    std::vector<size_t> places(trees_[0].columns.size());
    for (size_t i = 0; i < places.size(); ++i) places[trees_[0].columns[i]] = i;
    return places;
  }

 private:
  struct Tree {
    InputSet set;
    std::vector<size_t> columns;  // Of the graph.
    NodePtr node;
  };

  size_t Find(InputSet set) const {
    size_t at = 0;
    while (trees_[at].set != set) ++at;
    return at;
  }
  // The first of the equal columns that the tree has, as its own.
  ExprPtr OneOf(const std::vector<size_t>& equal, const Tree& tree) const {
    for (size_t column : equal) {
      const auto found = std::find(tree.columns.begin(), tree.columns.end(), column);
      if (found == tree.columns.end()) continue;
      const size_t place = found - tree.columns.begin();
      return MakeColumnExpr(place, tree.node->schema[place].type, range_);
    }
    return nullptr;
  }
  Terms TermsBetween(const Tree& left, const Tree& right) const {
    const size_t left_columns = left.columns.size();
    Terms terms;
    for (const std::vector<size_t>& equal : graph_.equal) {
      ExprPtr l = OneOf(equal, left), r = OneOf(equal, right);
      if (l && r) terms.push_back(MakeCall("=", {l, ShiftUp(r, left_columns)}, "UTC", range_));
    }
    const InputSet set = left.set | right.set;
    std::vector<size_t> places(Columns());
    for (size_t i = 0; i < left_columns; ++i) places[left.columns[i]] = i;
    for (size_t i = 0; i < right.columns.size(); ++i) places[right.columns[i]] = left_columns + i;
    for (const JoinCondition& condition : graph_.conditions) {
      const bool complete = (condition.inputs & ~set) == 0;
      const bool before =
          (condition.inputs & ~left.set) == 0 || (condition.inputs & ~right.set) == 0;
      if (condition.last ? set != graph_.all() : !complete || before) continue;
      terms.push_back(RemapColumns(condition.term, [&](const ColumnExpr& c, const Expr& old) {
        return MakeColumnExpr(places[c.index], old.type, old.range);
      }));
    }
    return terms;
  }
  size_t Columns() const {
    size_t columns = 0;
    for (const Tree& tree : trees_) columns += tree.columns.size();
    return columns;
  }
  void JoinTrees(InputSet a, InputSet b) {
    // The set with the input written first is on the left.
    if (std::countr_zero(a) > std::countr_zero(b)) std::swap(a, b);
    Tree &left = trees_[Find(a)], &right = trees_[Find(b)];
    Terms terms = TermsBetween(left, right);
    left.node =
        MakeJoin(like_, std::move(left.node), std::move(right.node), std::move(terms), range_);
    left.set |= right.set;
    left.columns.insert(left.columns.end(), right.columns.begin(), right.columns.end());
    trees_.erase(trees_.begin() + (&right - trees_.data()));
  }

  JoinGraph graph_;
  const Join like_;
  const SourceRange range_;
  std::vector<Tree> trees_;
};

NodePtr Reorder(NodePtr node) {
  const Join like = std::get<Join>(node->op);
  const Schema schema = node->schema;
  const SourceRange range = node->range;
  JoinCluster cluster = TakeJoinsApart(std::move(node));
  for (JoinInput& input : cluster.graph.inputs) input.node = OrderJoins(std::move(input.node));
  const JoinOrder order = ChooseJoinOrder(cluster.graph);
  TreeBuilder trees(std::move(cluster.graph), like, range);
  NodePtr joined = trees.Build(order);
  const std::vector<size_t> places = trees.Places();
  for (ExprPtr& column : cluster.columns) {
    column = RemapColumns(column, [&](const ColumnExpr& c, const Expr& old) {
      return MakeColumnExpr(places[c.index], old.type, old.range);
    });
  }
  return MakeProject(std::move(joined), std::move(cluster.columns), NamesOf(schema), range);
}

}  // namespace

NodePtr OrderJoins(NodePtr node) {
  const size_t inputs = CountJoinInputs(*node);
  if (inputs > 2 && inputs <= kMaxJoinInputs) return Reorder(std::move(node));
  for (NodePtr& input : node->inputs) input = OrderJoins(std::move(input));
  return node;
}

}  // namespace millrace
