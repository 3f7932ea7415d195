// The order in which rows arrived, for aggregates of which it is the meaning.
#pragma once

#include <optional>
#include <vector>

#include "planner/plan.h"

namespace millrace {

// Makes the scans below give the order of arrival, numbered from `*scans` on, and carries it up:
// appends columns to the node's output, whose values in their order tell how its rows arrived, and
// returns them. Nothing, and no change, when the rows do not come straight from append-only tables:
// behind aggregates, views and rankings there is no order of arrival that would not depend on the
// steps.
std::optional<std::vector<size_t>> AddArrival(NodePtr* node, uint32_t* scans);

}  // namespace millrace
