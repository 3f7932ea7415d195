// Chooses the order of inner joins.
#pragma once

#include <utility>
#include <vector>

#include "planner/join_graph.h"

namespace millrace {

// The joins of an order by the sets that they join, each behind those that make its inputs.
using JoinOrder = std::vector<std::pair<InputSet, InputSet>>;

// The order whose joins hand on the fewest rows, which is what the joins above them keep; of equal
// ones that in which the inputs are written. No join lacks an equality as long as one can be had.
// All orders of up to nine inputs are compared; more are joined pair by pair, the smallest first.
JoinOrder ChooseJoinOrder(const JoinGraph& graph);

}  // namespace millrace
