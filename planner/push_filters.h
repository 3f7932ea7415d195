// What the parts of the filter pushdown share (rewrite_push_filters.cc, rewrite_push_join.cc).
#pragma once

#include <functional>
#include <vector>

#include "planner/plan.h"

namespace millrace {

// Conditions that must all be TRUE, in the order in which they guard each other.
using Terms = std::vector<ExprPtr>;

// `node` with the rows where all `terms` hold, tested as far below as possible.
NodePtr PushTerms(NodePtr node, Terms terms);
// The same for a join.
NodePtr PushBelowJoin(NodePtr node, Terms terms);
// The same for joins that give each left row with what it meets: what speaks of the left columns
// alone is tested below.
NodePtr PushBelowTemporalJoin(NodePtr node, Terms terms);
// A filter over `node`; `node` itself when there are no terms.
NodePtr AddFilter(NodePtr node, Terms terms);

}  // namespace millrace
