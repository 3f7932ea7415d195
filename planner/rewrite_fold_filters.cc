// Conditions that are always or never TRUE, and what they leave of a plan.
#include <algorithm>
#include <set>

#include "planner/expr_binder.h"
#include "planner/join.h"
#include "planner/properties.h"
#include "planner/push_filters.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

bool IsTrue(const Expr& term) {
  auto* literal = std::get_if<LiteralExpr>(&term.node);
  return literal && !literal->value.is_null() && std::get<bool>(literal->value.data);
}

// FALSE or NULL: no row passes.
bool IsNeverTrue(const Expr& term) { return IsLiteral(term) && !IsTrue(term); }

// `column op literal`, the column on the left.
struct Bound {
  size_t column;
  std::string_view op;
  ExprPtr literal;
};

std::string_view Mirrored(std::string_view op) {
  if (op == "<") return ">";
  if (op == "<=") return ">=";
  if (op == ">") return "<";
  return op == ">=" ? "<=" : op;
}

std::optional<Bound> AsBound(const Expr& term) {
  auto* call = std::get_if<CallExpr>(&term.node);
  if (!call || call->arguments.size() != 2) return std::nullopt;
  constexpr std::string_view kOps[] = {"=", "<", "<=", ">", ">="};
  const auto* op = std::find(std::begin(kOps), std::end(kOps), call->name);
  if (op == std::end(kOps)) return std::nullopt;
  size_t column = 0;
  const ExprPtr &left = call->arguments[0], &right = call->arguments[1];
  if (IsColumn(*left, &column) && IsLiteral(*right)) return Bound{column, *op, right};
  if (IsColumn(*right, &column) && IsLiteral(*left)) return Bound{column, Mirrored(*op), left};
  return std::nullopt;
}

// Simplifies the terms of one condition.
class TermFolder {
 public:
  TermFolder(Terms* terms, const std::string& zone) : terms_(*terms), zone_(zone) {}

  // False when no row can pass.
  bool Fold() {
    for (ExprPtr& term : terms_) term = Constant(term);
    for (const ExprPtr& term : terms_) {
      const auto bound = AsBound(*term);
      if (bound && bound->op == "=") Insert(*bound, *term);
    }
    std::erase_if(terms_, [](const ExprPtr& term) { return IsTrue(*term); });
    return !std::any_of(terms_.begin(), terms_.end(),
                        [](const ExprPtr& term) { return IsNeverTrue(*term); }) &&
           !NullAndNot() && !EmptyRange();
  }

 private:
  ExprPtr Constant(const ExprPtr& term) const {
    if (IsLiteral(*term) || !IsConstant(*term)) return term;
    try {
      return MakeLiteral(EvaluateConstant(*term, zone_), term->type, term->range);
    } catch (const Error&) {
      return term;  // Its error belongs to the rows that get there.
    }
  }
  // The other terms over the column alone are decided by its value.
  void Insert(const Bound& equal, const Expr& from) {
    for (ExprPtr& term : terms_) {
      bool only = term.get() != &from && NeverFails(*term) && IsDeterministic(*term);
      bool any = false;
      ForEachColumn(*term, [&](size_t column) {
        any = true;
        only = only && column == equal.column;
      });
      if (!only || !any) continue;
      term = Constant(
          RemapColumns(term, [&](const ColumnExpr&, const Expr&) { return equal.literal; }));
    }
  }
  bool NullAndNot() const {
    std::set<size_t> null, rejected;
    for (const ExprPtr& term : terms_) {
      auto* call = std::get_if<CallExpr>(&term->node);
      size_t column = 0;
      if (call && call->name == "is_null" && IsColumn(*call->arguments[0], &column)) {
        null.insert(column);
      } else {
        rejected.merge(RejectedColumns(*term));
      }
    }
    return std::any_of(null.begin(), null.end(),
                       [&](size_t column) { return rejected.contains(column); });
  }
  bool EmptyRange() const {
    for (const ExprPtr& term : terms_) {
      const auto low = AsBound(*term);
      if (!low || (low->op != ">" && low->op != ">=")) continue;
      for (const ExprPtr& other : terms_) {
        const auto high = AsBound(*other);
        if (high && high->column == low->column && IsEmpty(*low, *high)) return true;
      }
    }
    return false;
  }
  bool IsEmpty(const Bound& low, const Bound& high) const {
    if (high.op != "<" && high.op != "<=") return false;
    const bool closed = low.op == ">=" && high.op == "<=";
    return !IsTrue(*Constant(
        MakeCall(closed ? "<=" : "<", {low.literal, high.literal}, zone_, high.literal->range)));
  }

  Terms& terms_;
  const std::string& zone_;
};

bool IsEmptyInput(const Node& node) {
  auto* values = std::get_if<ValuesRows>(&node.op);
  return values && values->rows.empty();
}

// No rows, in the node's schema; the node itself where something above may need its time.
NodePtr MakeEmpty(NodePtr node) {
  const Properties& p = node->properties;
  if (!p.event_times.empty() || !p.proctimes.empty() || p.window.end) return node;
  NodePtr empty = MakeNode(ValuesRows{});
  empty->schema = std::move(node->schema);
  empty->range = node->range;
  DeriveProperties(empty.get());
  return empty;
}

// The rows of an outer join's input none of which has a partner.
NodePtr WithoutPartners(NodePtr join, bool left) {
  const Schema schema = join->schema;
  NodePtr input = std::move(join->inputs[left ? 0 : 1]);
  const size_t columns = input->schema.size();
  const size_t first = left ? 0 : schema.size() - columns;
  std::vector<ExprPtr> exprs;
  for (size_t i = 0; i < schema.size(); ++i) {
    const bool there = i >= first && i < first + columns;
    exprs.push_back(there ? MakeColumnExpr(i - first, schema[i].type)
                          : MakeLiteral({}, schema[i].type));
  }
  return MakeProject(std::move(input), std::move(exprs), NamesOf(schema), join->range);
}

class Folder {
 public:
  explicit Folder(const std::string& zone) : zone_(zone) {}

  NodePtr Fold(NodePtr node) const {
    for (NodePtr& input : node->inputs) input = Fold(std::move(input));
    if (std::holds_alternative<Filter>(node->op)) return FoldFilter(std::move(node));
    if (std::holds_alternative<Join>(node->op)) return FoldJoin(std::move(node));
    if (std::holds_alternative<UnionAll>(node->op)) return FoldUnion(std::move(node));
    auto* aggregate = std::get_if<Aggregate>(&node->op);
    const bool groups = aggregate && !aggregate->keys.empty();
    const bool none = groups || std::holds_alternative<Project>(node->op);
    return none && IsEmptyInput(*node->inputs[0]) ? MakeEmpty(std::move(node)) : std::move(node);
  }

 private:
  NodePtr FoldFilter(NodePtr node) const {
    Terms terms;
    SplitConjunction(std::get<Filter>(node->op).predicate, &terms);
    if (!TermFolder(&terms, zone_).Fold() || IsEmptyInput(*node->inputs[0])) {
      return MakeEmpty(std::move(node));
    }
    return AddFilter(std::move(node->inputs[0]), std::move(terms));
  }
  NodePtr FoldJoin(NodePtr node) const {
    Terms terms = TermsOf(*node);
    const bool left_empty = IsEmptyInput(*node->inputs[0]);
    const bool right_empty = IsEmptyInput(*node->inputs[1]);
    const bool never = !TermFolder(&terms, zone_).Fold() || left_empty || right_empty;
    const Join& join = std::get<Join>(node->op);
    if (never && join.kind == JoinKind::kAnti) return std::move(node->inputs[0]);
    const bool left = KeepsLeft(join.kind) && !left_empty;
    const bool right = KeepsRight(join.kind) && !right_empty;
    if (never && !left && !right) return MakeEmpty(std::move(node));
    if (never && !(left && right)) return WithoutPartners(std::move(node), left);
    return MakeJoin(join, std::move(node->inputs[0]), std::move(node->inputs[1]), std::move(terms),
                    node->range);
  }
  NodePtr FoldUnion(NodePtr node) const {
    std::vector<NodePtr> inputs;
    for (NodePtr& input : node->inputs) {
      if (!IsEmptyInput(*input)) inputs.push_back(std::move(input));
    }
    if (inputs.empty()) return MakeEmpty(std::move(node));
    if (inputs.size() > 1) {
      node->inputs = std::move(inputs);
      return node;
    }
    std::vector<ExprPtr> exprs = AllColumns(inputs[0]->schema);
    return MakeProject(std::move(inputs[0]), std::move(exprs), NamesOf(node->schema), node->range);
  }

  const std::string& zone_;
};

}  // namespace

NodePtr FoldFilters(NodePtr node, const std::string& zone) {
  return Folder(zone).Fold(std::move(node));
}

}  // namespace millrace
