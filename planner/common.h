// Common subplans: what a plan reads in several places and computes once.
#pragma once

#include <memory>
#include <vector>

#include "planner/plan.h"

namespace millrace {

// A leaf that reads all columns of the subplan.
NodePtr MakeScanCommon(std::shared_ptr<Common> common, SourceRange range);

// The common subplans below `root`, each before those that it reads, and the leaves that read it.
struct CommonUses {
  std::shared_ptr<Common> common;
  std::vector<Node*> leaves;
};
std::vector<CommonUses> FindCommons(Node* root);

// The leaf becomes `subplan`, which is what it reads. REQUIRES: it reads all columns, as it does when
// it is made.
void PutInPlace(Node* leaf, NodePtr subplan);
// Puts subplans that are read once, and those that keep no state, where they are read.
void InlineCommons(NodePtr* root);
// Makes common subplans of equal ones.
void ShareEqualSubplans(NodePtr* root);

NodePtr CloneTree(const Node& node);
// Another reader of what `node` computes, which is computed once from here on.
NodePtr ReadAgain(NodePtr* node);

}  // namespace millrace
