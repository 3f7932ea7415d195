#include "planner/join_cluster.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "planner/join.h"
#include "planner/properties.h"
#include "planner/push_filters.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

bool IsPlain(const Expr& expr) {
  if (auto* field = std::get_if<FieldExpr>(&expr.node)) return IsPlain(*field->row);
  return IsColumn(expr) || std::holds_alternative<LiteralExpr>(expr.node);
}

bool IsPlainProject(const Node& node) {
  auto* project = std::get_if<Project>(&node.op);
  return project && std::all_of(project->exprs.begin(), project->exprs.end(),
                                [](const ExprPtr& expr) { return IsPlain(*expr); });
}

// Inner joins whose inputs all keep their rows for the same time, and projections of columns
// between them, taken apart.
class Cluster {
 public:
  explicit Cluster(const Join& root) : ttl_(root.left_ttl) {}

  size_t CountInputs(const Node& node) const {
    if (Continues(node)) return CountInputs(*node.inputs[0]);
    return IsMember(node) ? CountInputs(*node.inputs[0]) + CountInputs(*node.inputs[1]) : 1;
  }
  bool IsMember(const Node& node) const {
    auto* join = std::get_if<Join>(&node.op);
    return join && join->kind == JoinKind::kInner && !join->window_end && join->left_ttl == ttl_ &&
           join->right_ttl == ttl_;
  }
  // The node's columns over those of all inputs.
  std::vector<ExprPtr> Take(NodePtr node) {
    if (Continues(*node)) {
      const std::vector<ExprPtr> below = Take(std::move(node->inputs[0]));
      std::vector<ExprPtr> exprs = std::get<Project>(node->op).exprs;
      for (ExprPtr& expr : exprs) expr = Substitute(expr, below);
      return exprs;
    }
    if (!IsMember(*node)) return TakeInput(std::move(node));
    const std::vector<ExprPtr> node_terms = TermsOf(*node);
    std::vector<ExprPtr> columns = Take(std::move(node->inputs[0]));
    std::vector<ExprPtr> right = Take(std::move(node->inputs[1]));
    columns.insert(columns.end(), right.begin(), right.end());
    for (const ExprPtr& term : node_terms) terms.push_back(Substitute(term, columns));
    return columns;
  }

  std::vector<NodePtr> inputs;
  Terms terms;

 private:
  bool Continues(const Node& node) const {
    if (!IsPlainProject(node)) return false;
    const Node* below = node.inputs[0].get();
    while (IsPlainProject(*below)) below = below->inputs[0].get();
    return IsMember(*below);
  }
  std::vector<ExprPtr> TakeInput(NodePtr node) {
    std::vector<ExprPtr> columns = AllColumns(node->schema);
    for (ExprPtr& column : columns) column = ShiftUp(column, columns_);
    columns_ += columns.size();
    inputs.push_back(std::move(node));
    return columns;
  }

  const int64_t ttl_;
  size_t columns_ = 0;
};

// Makes the graph of a cluster. Expressions that equal others become columns of their input, so
// that columns move: Moved() says where to.
class GraphBuilder {
 public:
  explicit GraphBuilder(Cluster cluster) : terms_(std::move(cluster.terms)) {
    size_t first = 0;
    for (NodePtr& node : cluster.inputs) {
      const size_t columns = node->schema.size();
      graph_.inputs.push_back({std::move(node), first});
      first += columns;
    }
    columns_ = first;
  }

  JoinGraph Build() {
    FindEqual();
    AddEqualColumns();
    for (const ExprPtr& term : others_) AddCondition(Moved(term));
    graph_.Prepare();
    return std::move(graph_);
  }
  ExprPtr Moved(const ExprPtr& expr) const {
    return RemapColumns(expr, [&](const ColumnExpr& column, const Expr& old) {
      return MakeColumnExpr(places_[column.index], old.type, old.range);
    });
  }

 private:
  using Members = std::vector<ExprPtr>;

  std::optional<size_t> OneInput(const Expr& expr) const {
    const InputSet set = graph_.InputsOf(expr);
    return std::has_single_bit(set) ? std::optional<size_t>(std::countr_zero(set)) : std::nullopt;
  }
  Members* GroupOf(const Expr& expr) {
    for (Members& group : groups_) {
      for (const ExprPtr& member : group) {
        if (SameExpr(*member, expr)) return &group;
      }
    }
    return nullptr;
  }
  void Equate(const ExprPtr& a, const ExprPtr& b) {
    Members* group = GroupOf(*a);
    Members* other = GroupOf(*b);
    if (group && group == other) return;
    if (group && other) {
      group->insert(group->end(), other->begin(), other->end());
      groups_.erase(groups_.begin() + (other - groups_.data()));
    } else if (group || other) {
      (group ? group : other)->push_back(group ? b : a);
    } else {
      groups_.push_back({a, b});
    }
  }
  // Sorts the terms into groups of equal expressions, each over one input, and others.
  void FindEqual() {
    for (const ExprPtr& term : terms_) {
      auto* call = std::get_if<CallExpr>(&term->node);
      const bool equality = call && call->name == "=" && IsDeterministic(*term) &&
                            KeysDecide({call->arguments[0], call->arguments[1]});
      const auto a = equality ? OneInput(*call->arguments[0]) : std::nullopt;
      const auto b = equality ? OneInput(*call->arguments[1]) : std::nullopt;
      if (a && b && *a != *b) {
        Equate(call->arguments[0], call->arguments[1]);
      } else {
        others_.push_back(term);
      }
    }
  }
  void AddEqualColumns() {
    std::vector<std::vector<ExprPtr>> added(graph_.inputs.size());  // Over the input's own columns.
    struct Place {
      size_t input, column;  // The latter within the input.
    };
    std::vector<std::vector<Place>> places(groups_.size());
    for (size_t g = 0; g < groups_.size(); ++g) {
      for (const ExprPtr& member : groups_[g]) {
        const size_t input = *OneInput(*member);
        const ExprPtr own = ShiftDown(member, graph_.inputs[input].first);
        size_t column = 0;
        if (!IsColumn(*own, &column)) {
          column = graph_.inputs[input].node->schema.size() + added[input].size();
          added[input].push_back(own);
        }
        places[g].push_back({input, column});
      }
    }
    for (size_t i = 0; i < added.size(); ++i) Widen(i, std::move(added[i]));
    for (const std::vector<Place>& group : places) {
      std::vector<size_t> columns;
      for (const Place& place : group) {
        columns.push_back(graph_.inputs[place.input].first + place.column);
      }
      FilterWithin(columns);
      graph_.equal.push_back(std::move(columns));
    }
  }
  // Appends expressions to the input's columns and moves the columns of the inputs behind it.
  void Widen(size_t i, std::vector<ExprPtr> added) {
    JoinInput& input = graph_.inputs[i];
    const size_t columns = input.node->schema.size();
    const size_t first =
        i == 0 ? 0 : graph_.inputs[i - 1].first + graph_.inputs[i - 1].node->schema.size();
    for (size_t c = 0; c < columns; ++c) places_.push_back(first + c);
    input.first = first;
    if (added.empty()) return;
    std::vector<ExprPtr> exprs = AllColumns(input.node->schema);
    std::vector<std::string> names = NamesOf(input.node->schema);
    for (ExprPtr& expr : added) {
      names.push_back(ToString(*expr, NamesOf(input.node->schema)));
      exprs.push_back(std::move(expr));
    }
    const SourceRange range = input.node->range;
    input.node = MakeProject(std::move(input.node), std::move(exprs), std::move(names), range);
  }
  // Equal columns of one input are compared there: a join compares one of them only.
  void FilterWithin(const std::vector<size_t>& columns) {
    std::vector<size_t> first_of(graph_.inputs.size(), SIZE_MAX);
    for (size_t column : columns) {
      const size_t i = graph_.InputOf(column);
      JoinInput& input = graph_.inputs[i];
      if (first_of[i] == SIZE_MAX) {
        first_of[i] = column;
        continue;
      }
      const auto own = [&](size_t c) {
        return MakeColumnExpr(c - input.first, input.node->schema[c - input.first].type);
      };
      const SourceRange range = input.node->range;
      ExprPtr equal = MakeCall("=", {own(first_of[i]), own(column)}, "UTC", range);
      input.node = PushTerms(std::move(input.node), {std::move(equal)});
    }
  }
  void AddCondition(ExprPtr term) {
    JoinCondition condition{std::move(term), 0};
    condition.inputs = graph_.InputsOf(*condition.term);
    auto* call = std::get_if<CallExpr>(&condition.term->node);
    const bool alone = std::popcount(condition.inputs) < 2;
    condition.equality = !alone && call &&
                         (call->name == "=" || call->name == "is_not_distinct_from") &&
                         IsDeterministic(*condition.term);
    condition.last = alone || (!condition.equality && !NeverFails(*condition.term)) ||
                     !IsDeterministic(*condition.term);
    graph_.conditions.push_back(std::move(condition));
  }

  JoinGraph graph_;
  Terms terms_, others_;
  std::vector<Members> groups_;
  size_t columns_ = 0;
  std::vector<size_t> places_;  // Of the cluster's columns in the graph.
};

}  // namespace

size_t CountJoinInputs(const Node& node) {
  auto* join = std::get_if<Join>(&node.op);
  return join ? Cluster(*join).CountInputs(node) : 1;
}

JoinCluster TakeJoinsApart(NodePtr node) {
  Cluster cluster(std::get<Join>(node->op));
  JoinCluster taken;
  taken.columns = cluster.Take(std::move(node));
  GraphBuilder builder(std::move(cluster));
  taken.graph = builder.Build();
  for (ExprPtr& column : taken.columns) column = builder.Moved(column);
  return taken;
}

}  // namespace millrace
