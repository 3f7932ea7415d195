#include "planner/properties.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

bool IsCheap(const Expr& expr) {
  if (auto* field = std::get_if<FieldExpr>(&expr.node)) return IsCheap(*field->row);
  return IsColumn(expr) || std::holds_alternative<LiteralExpr>(expr.node);
}

// Whether the upper projection can take the lower one's expressions in: each that costs something
// is used at most once, so that nothing is computed twice.
bool CanMerge(const std::vector<ExprPtr>& upper, const std::vector<ExprPtr>& lower) {
  std::vector<size_t> uses(lower.size());
  for (const ExprPtr& expr : upper) {
    ForEachColumn(*expr, [&](size_t column) { ++uses[column]; });
  }
  for (size_t i = 0; i < lower.size(); ++i) {
    if (uses[i] > 1 && !IsCheap(*lower[i])) return false;
    // A value that changes from call to call may be needed on every row, whatever the upper does.
    if (uses[i] > 0 && !IsDeterministic(*lower[i]) && !IsCheap(*lower[i])) {
      for (const ExprPtr& expr : upper) {
        size_t column = lower.size();
        if (IsColumn(*expr, &column) && column == i) uses[i] = 0;
      }
      if (uses[i] > 0) return false;
    }
  }
  return true;
}

bool IsIdentity(const Node& node) {
  const auto& exprs = std::get<Project>(node.op).exprs;
  if (exprs.size() != node.inputs[0]->schema.size()) return false;
  for (size_t i = 0; i < exprs.size(); ++i) {
    size_t column = 0;
    if (!IsColumn(*exprs[i], &column) || column != i) return false;
  }
  return true;
}

}  // namespace

NodePtr MergeProjects(NodePtr node) {
  for (NodePtr& input : node->inputs) input = MergeProjects(std::move(input));
  auto* upper = std::get_if<Project>(&node->op);
  if (!upper) return node;
  if (auto* lower = std::get_if<Project>(&node->inputs[0]->op);
      lower && CanMerge(upper->exprs, lower->exprs)) {
    for (ExprPtr& expr : upper->exprs) expr = Substitute(expr, lower->exprs);
    NodePtr below = std::move(node->inputs[0]->inputs[0]);
    node->inputs[0] = std::move(below);
  }
  if (!IsIdentity(*node)) return node;
  NodePtr input = std::move(node->inputs[0]);
  for (size_t i = 0; i < input->schema.size(); ++i) {
    input->schema[i].name = std::move(node->schema[i].name);
  }
  return input;
}

}  // namespace millrace
