// Trees of inner joins taken apart, to be put together in another order.
#pragma once

#include <vector>

#include "planner/join_graph.h"

namespace millrace {

// The inputs of the inner joins at the top of `node`; one if there is none. Joins count as long as
// they keep all rows for the same time, also with projections of columns between them.
size_t CountJoinInputs(const Node& node);

struct JoinCluster {
  JoinGraph graph;               // Prepared.
  std::vector<ExprPtr> columns;  // The tree's, over those of the graph's inputs.
};

// REQUIRES: CountJoinInputs(*node) is at least 2 and at most kMaxJoinInputs. Expressions that equal
// others become columns of their input.
JoinCluster TakeJoinsApart(NodePtr node);

}  // namespace millrace
