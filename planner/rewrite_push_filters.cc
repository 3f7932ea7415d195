#include <algorithm>
#include <array>

#include "planner/decorrelate.h"
#include "planner/properties.h"
#include "planner/push_filters.h"
#include "planner/rewrite.h"
#include "types/cast.h"

namespace millrace {
namespace {

NodePtr Here(NodePtr node, Terms terms) {
  for (NodePtr& input : node->inputs) input = PushTerms(std::move(input), {});
  return AddFilter(std::move(node), std::move(terms));
}

// Takes the terms out of `terms` that may go below, in order. A term that can fail must not get
// ahead of one that stays and may guard it.
Terms Take(Terms* terms, const std::function<bool(const Expr&)>& may) {
  Terms taken, staying;
  for (ExprPtr& term : *terms) {
    const bool below = may(*term) && (staying.empty() || NeverFails(*term));
    (below ? taken : staying).push_back(std::move(term));
  }
  *terms = std::move(staying);
  return taken;
}

bool AllColumnsOf(const Expr& expr, const std::function<bool(size_t)>& may) {
  bool all = true;
  ForEachColumn(expr, [&](size_t column) { all = all && may(column); });
  return all;
}

NodePtr PushBelowProject(NodePtr node, Terms terms) {
  const auto& exprs = std::get<Project>(node->op).exprs;
  Terms below = Take(&terms, [&](const Expr& term) {
    return IsDeterministic(term) &&
           AllColumnsOf(term, [&](size_t column) { return IsDeterministic(*exprs[column]); });
  });
  for (ExprPtr& term : below) term = Substitute(term, exprs);
  node->inputs[0] = PushTerms(std::move(node->inputs[0]), std::move(below));
  return AddFilter(std::move(node), std::move(terms));
}

// A row can be left out below if it changes no other row's window: of sessions with its whole
// partition only.
NodePtr PushBelowWindows(NodePtr node, Terms terms) {
  const size_t columns = node->inputs[0]->schema.size();
  const auto& windows = std::get<AssignWindows>(node->op);
  Terms below = Take(&terms, [&](const Expr& term) {
    if (windows.kind != AssignWindows::Kind::kSession) {
      return AllColumnsOf(term, [&](size_t column) { return column < columns; });
    }
    return IsDeterministic(term) && AllColumnsOf(term, [&](size_t column) {
             return std::ranges::find(windows.partition, column) != windows.partition.end();
           });
  });
  node->inputs[0] = PushTerms(std::move(node->inputs[0]), std::move(below));
  return AddFilter(std::move(node), std::move(terms));
}

NodePtr PushBelowAggregate(NodePtr node, Terms terms) {
  const auto& keys = std::get<Aggregate>(node->op).keys;
  // An empty grouping set has a group without rows as well, which the condition must see.
  if (!std::get<Aggregate>(node->op).empty_sets.empty()) {
    return Here(std::move(node), std::move(terms));
  }
  Terms below = Take(&terms, [&](const Expr& term) {
    bool any = false;  // A constant condition of a global aggregate must stay above.
    ForEachColumn(term, [&](size_t) { any = true; });
    return any && IsDeterministic(term) &&
           AllColumnsOf(term, [&](size_t column) { return column < keys.size(); });
  });
  std::vector<ExprPtr> columns;
  for (size_t key : keys) {
    columns.push_back(MakeColumnExpr(key, node->inputs[0]->schema[key].type));
  }
  for (ExprPtr& term : below) term = Substitute(term, columns);
  node->inputs[0] = PushTerms(std::move(node->inputs[0]), std::move(below));
  return AddFilter(std::move(node), std::move(terms));
}

// A condition on its partition's columns alone leaves out whole partitions.
NodePtr PushBelowTopN(NodePtr node, Terms terms) {
  const auto& partition = std::get<TopN>(node->op).partition;
  Terms below = Take(&terms, [&](const Expr& term) {
    bool any = false;
    ForEachColumn(term, [&](size_t) { any = true; });
    return any && IsDeterministic(term) && AllColumnsOf(term, [&](size_t column) {
             return std::ranges::find(partition, column) != partition.end();
           });
  });
  node->inputs[0] = PushTerms(std::move(node->inputs[0]), std::move(below));
  return AddFilter(std::move(node), std::move(terms));
}

// The same of OVER.
NodePtr PushBelowOver(NodePtr node, Terms terms) {
  const auto& partition = std::get<Over>(node->op).partition;
  Terms below = Take(&terms, [&](const Expr& term) {
    return IsDeterministic(term) && AllColumnsOf(term, [&](size_t column) {
             return std::ranges::find(partition, column) != partition.end();
           });
  });
  node->inputs[0] = PushTerms(std::move(node->inputs[0]), std::move(below));
  return AddFilter(std::move(node), std::move(terms));
}

// A condition on its partition's columns alone leaves out whole partitions.
NodePtr PushBelowMatch(NodePtr node, Terms terms) {
  const auto& partition = std::get<MatchRecognize>(node->op).partition;
  Terms below = Take(&terms, [&](const Expr& term) {
    bool any = false;
    ForEachColumn(term, [&](size_t) { any = true; });
    return any && NeverFails(term) && IsDeterministic(term) &&
           AllColumnsOf(term, [&](size_t column) { return column < partition.size(); });
  });
  std::vector<ExprPtr> columns;
  for (size_t column : partition) {
    columns.push_back(MakeColumnExpr(column, node->inputs[0]->schema[column].type));
  }
  for (ExprPtr& term : below) term = Substitute(term, columns);
  node->inputs[0] = PushTerms(std::move(node->inputs[0]), std::move(below));
  return AddFilter(std::move(node), std::move(terms));
}

// A term that can fail stays above: below it would see rows without elements.
NodePtr PushBelowUnnest(NodePtr node, Terms terms) {
  const size_t columns = node->inputs[0]->schema.size();
  Terms below = Take(&terms, [&](const Expr& term) {
    return NeverFails(term) && AllColumnsOf(term, [&](size_t column) { return column < columns; });
  });
  node->inputs[0] = PushTerms(std::move(node->inputs[0]), std::move(below));
  return AddFilter(std::move(node), std::move(terms));
}

}  // namespace

// Which rows are late does not change: a row that is dropped is not reported.
NodePtr PushBelowTemporalJoin(NodePtr node, Terms terms) {
  const size_t columns = node->inputs[0]->schema.size();
  Terms below = Take(&terms, [&](const Expr& term) {
    return IsDeterministic(term) &&
           AllColumnsOf(term, [&](size_t column) { return column < columns; });
  });
  node->inputs[0] = PushTerms(std::move(node->inputs[0]), std::move(below));
  node->inputs[1] = PushTerms(std::move(node->inputs[1]), {});
  return AddFilter(std::move(node), std::move(terms));
}

namespace {

NodePtr PushBelowUnion(NodePtr node, Terms terms) {
  Terms below = Take(&terms, [](const Expr& term) { return IsDeterministic(term); });
  for (NodePtr& input : node->inputs) input = PushTerms(std::move(input), below);
  return AddFilter(std::move(node), std::move(terms));
}

// A term that can fail stays above: it would see rows that are not in the result.
NodePtr PushBelowSet(NodePtr node, Terms terms) {
  Terms below = Take(&terms, [](const Expr& term) { return NeverFails(term); });
  for (NodePtr& input : node->inputs) input = PushTerms(std::move(input), below);
  return AddFilter(std::move(node), std::move(terms));
}

}  // namespace

bool NeverFails(const Expr& expr) {
  constexpr std::array<std::string_view, 16> kSafe = {"=",
                                                      "<>",
                                                      "<",
                                                      "<=",
                                                      ">",
                                                      ">=",
                                                      "is_distinct_from",
                                                      "is_null",
                                                      "is_not_null",
                                                      "not",
                                                      "is_true",
                                                      "is_not_true",
                                                      "is_false",
                                                      "is_not_false",
                                                      "like",
                                                      "is_not_distinct_from"};
  const auto all = [](const std::vector<ExprPtr>& exprs) {
    return std::all_of(exprs.begin(), exprs.end(), [](const ExprPtr& e) { return NeverFails(*e); });
  };
  if (auto* call = std::get_if<CallExpr>(&expr.node)) {
    // LIKE with an escape may find it in the wrong place.
    if (call->name == "like" && call->arguments.size() > 2) return false;
    return std::find(kSafe.begin(), kSafe.end(), call->name) != kSafe.end() && all(call->arguments);
  }
  if (auto* cast = std::get_if<CastExpr>(&expr.node)) {
    const bool widens = CastKindOf(cast->value->type, expr.type) == CastKind::kImplicit;
    return (widens || cast->try_cast) && NeverFails(*cast->value);
  }
  if (auto* logic = std::get_if<LogicExpr>(&expr.node)) return all(logic->arguments);
  if (auto* in = std::get_if<InExpr>(&expr.node)) return NeverFails(*in->value);
  if (auto* field = std::get_if<FieldExpr>(&expr.node)) return NeverFails(*field->row);
  return IsColumn(expr) || std::holds_alternative<LiteralExpr>(expr.node);
}

NodePtr AddFilter(NodePtr node, Terms terms) {
  if (terms.empty()) return node;
  const SourceRange range = terms[0]->range;
  return MakeFilter(std::move(node), Conjoin(std::move(terms)), range);
}

NodePtr PushTerms(NodePtr node, Terms terms) {
  if (auto* filter = std::get_if<Filter>(&node->op)) {
    Terms all;
    SplitConjunction(filter->predicate, &all);
    all.insert(all.end(), terms.begin(), terms.end());
    return PushTerms(std::move(node->inputs[0]), std::move(all));
  }
  if (std::holds_alternative<Project>(node->op)) {
    return PushBelowProject(std::move(node), std::move(terms));
  }
  if (std::holds_alternative<AssignWindows>(node->op)) {
    return PushBelowWindows(std::move(node), std::move(terms));
  }
  if (std::holds_alternative<Unnest>(node->op)) {
    return PushBelowUnnest(std::move(node), std::move(terms));
  }
  if (std::holds_alternative<Aggregate>(node->op)) {
    return PushBelowAggregate(std::move(node), std::move(terms));
  }
  if (std::holds_alternative<TopN>(node->op)) {
    return PushBelowTopN(std::move(node), std::move(terms));
  }
  if (std::holds_alternative<Over>(node->op)) {
    return PushBelowOver(std::move(node), std::move(terms));
  }
  if (std::holds_alternative<MatchRecognize>(node->op)) {
    return PushBelowMatch(std::move(node), std::move(terms));
  }
  if (std::holds_alternative<UnionAll>(node->op)) {
    return PushBelowUnion(std::move(node), std::move(terms));
  }
  if (std::holds_alternative<SetMinus>(node->op)) {
    return PushBelowSet(std::move(node), std::move(terms));
  }
  if (std::holds_alternative<Join>(node->op)) {
    return PushBelowJoin(std::move(node), std::move(terms));
  }
  if (std::holds_alternative<TemporalJoin>(node->op)) {
    return PushBelowTemporalJoin(std::move(node), std::move(terms));
  }
  return Here(std::move(node), std::move(terms));
}

NodePtr PushFilters(NodePtr node) { return PushTerms(std::move(node), {}); }

NodePtr PushIntoJoins(NodePtr node) {
  const auto is_inner = [](const NodePtr& join) {
    auto* op = std::get_if<Join>(&join->op);
    return op && op->kind == JoinKind::kInner;
  };
  if (!std::holds_alternative<Filter>(node->op) || !is_inner(node->inputs[0])) return node;
  if (std::ranges::none_of(node->inputs[0]->inputs, is_inner) || HasOuterColumns(*node)) return node;
  node = PushFilters(std::move(node));
  DeriveTree(node.get());
  return node;
}

}  // namespace millrace
