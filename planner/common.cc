#include "planner/common.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "planner/properties.h"

namespace millrace {
namespace {

template <class AnyNode, class F>
void Visit(AnyNode* node, std::set<const Common*>* seen, const F& f) {
  if (auto* scan = std::get_if<ScanCommon>(&node->op)) {
    if (seen->insert(scan->common.get()).second) Visit<AnyNode>(scan->common->root.get(), seen, f);
  }
  for (const NodePtr& input : node->inputs) Visit<AnyNode>(input.get(), seen, f);
  f(node);
}

constexpr size_t kMaxCopies = 16;

bool IsRepeatable(const Node& node) {
  const auto deterministic = [](const ExprPtr& expr) { return IsDeterministic(*expr); };
  const auto& op = node.op;
  if (auto* filter = std::get_if<Filter>(&op)) return deterministic(filter->predicate);
  if (auto* project = std::get_if<Project>(&op)) {
    return std::ranges::all_of(project->exprs, deterministic);
  }
  if (auto* unnest = std::get_if<Unnest>(&op)) {
    return std::ranges::all_of(unnest->collections, deterministic);
  }
  return node.inputs.empty() || std::holds_alternative<Watermark>(op) ||
         std::holds_alternative<AssignWindows>(op) || std::holds_alternative<UnionAll>(op);
}

// Keeps no state, so that its conditions and columns better follow what each reader needs. Scans
// are shared later all the same.
bool IsStateless(const Node& node) {
  return IsRepeatable(node) &&
         std::ranges::all_of(node.inputs, [](const NodePtr& in) { return IsStateless(*in); });
}

}  // namespace

void PutInPlace(Node* leaf, NodePtr subplan) {
  Node node = std::move(*subplan);
  for (size_t i = 0; i < node.schema.size(); ++i) {
    node.schema[i].name = std::move(leaf->schema[i].name);
  }
  *leaf = std::move(node);
}

void ForEachNode(Node* root, const std::function<void(Node*)>& f) {
  std::set<const Common*> seen;
  Visit(root, &seen, f);
}

void ForEachNode(const Node& root, const std::function<void(const Node&)>& f) {
  std::set<const Common*> seen;
  Visit(&root, &seen, [&](const Node* node) { f(*node); });
}

NodePtr MakeScanCommon(std::shared_ptr<Common> common, SourceRange range) {
  ScanCommon scan{common, std::vector<size_t>(common->root->schema.size()), {}};
  std::iota(scan.columns.begin(), scan.columns.end(), size_t{0});
  scan.fields.resize(scan.columns.size());
  NodePtr node = MakeNode(std::move(scan));
  node->schema = common->root->schema;
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

NodePtr ReadAgain(NodePtr* node) {
  if (!std::holds_alternative<ScanCommon>((*node)->op)) {
    const SourceRange range = (*node)->range;
    *node = MakeScanCommon(std::make_shared<Common>(Common{std::move(*node), ""}), range);
  }
  return CloneTree(**node);
}

std::vector<CommonUses> FindCommons(Node* root) {
  std::vector<CommonUses> commons;
  ForEachNode(root, [&](Node* node) {
    auto* scan = std::get_if<ScanCommon>(&node->op);
    if (!scan) return;
    auto known = std::ranges::find(commons, scan->common, &CommonUses::common);
    if (known == commons.end()) {
      commons.push_back({scan->common, {}});
      known = commons.end() - 1;
    }
    known->leaves.push_back(node);
  });
  // What a subplan reads was met before its own first leaf.
  std::ranges::reverse(commons);
  return commons;
}

void InlineCommons(NodePtr* root) {
  // Those that others read come last, so that they are in their readers' trees by then.
  for (CommonUses& uses : FindCommons(root->get())) {
    // The subplans before may have been put in place several times.
    std::vector<Node*> leaves;
    for (CommonUses& now : FindCommons(root->get())) {
      if (now.common == uses.common) leaves = std::move(now.leaves);
    }
    const Node& subplan = *uses.common->root;
    if (leaves.size() > kMaxCopies || (leaves.size() > 1 && !IsStateless(subplan))) continue;
    for (size_t i = 1; i < leaves.size(); ++i) PutInPlace(leaves[i], CloneTree(subplan));
    PutInPlace(leaves[0], std::move(uses.common->root));
  }
}

NodePtr CloneTree(const Node& node) {
  auto copy = std::make_unique<Node>();
  copy->op = node.op;
  for (const NodePtr& input : node.inputs) copy->inputs.push_back(CloneTree(*input));
  copy->schema = node.schema;
  copy->properties = node.properties;
  copy->range = node.range;
  return copy;
}

}  // namespace millrace
