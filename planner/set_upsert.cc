#include <algorithm>

#include "planner/properties.h"
#include "planner/rewrite.h"
#include "planner/top_n.h"

namespace millrace {
void SetUpsert(Node* root) {
  if (!std::holds_alternative<Materialize>(root->op) || !root->properties.has_key) return;
  std::vector<Node*> path;
  Node* node = root->inputs[0].get();
  while (auto* project = std::get_if<Project>(&node->op)) {
    const auto& exprs = project->exprs;
    // An expression that can fail must see the old rows too: a row that fails has to leave the
    // view.
    if (!std::all_of(exprs.begin(), exprs.end(),
                     [](const ExprPtr& expr) { return NeverFails(*expr); })) {
      return;
    }
    path.push_back(node);
    node = node->inputs[0].get();
  }
  // The projections keep the key, or the Materialize would have none.
  auto* top = std::get_if<TopN>(&node->op);
  const bool replaces = std::holds_alternative<Aggregate>(node->op) || (top && HasRankKey(*top));
  if (!replaces || node->properties.append_only) return;
  node->properties.upsert = true;
  for (Node* project : path) project->properties.upsert = true;
}

void AddMaterialize(Plan* plan, std::string name, int64_t retention) {
  std::vector<NodePtr> inputs;
  inputs.push_back(std::move(plan->root));
  plan->root = MakeNode(Materialize{std::move(name), retention}, std::move(inputs));
  plan->root->schema = plan->schema;
  DeriveTree(plan->root.get());
  SetUpsert(plan->root.get());
}

}  // namespace millrace
