// By which key an operator's rows lie in their partitions, so that a consumer that wants them by
// the same key needs no exchange.
#pragma once

#include <optional>
#include <vector>

#include "planner/plan.h"

namespace millrace {

// A row lies in the partition that an exchange by these columns, in this order, would choose. A
// position lists output columns that are equal in every row, any of which will do.
using Partitioning = std::optional<std::vector<std::vector<size_t>>>;

Partitioning PartitionedBy(const std::vector<size_t>& key);
// Whether an exchange by `key` would leave every row where it is. A part of the key is not enough:
// state is found again by the hash of the whole key.
bool IsPartitionedBy(const Partitioning& partitioning, const std::vector<size_t>& key);
// Of the node's output, given that of its inputs as they reach it.
Partitioning PartitioningOf(const Node& node, const std::vector<Partitioning>& inputs);

}  // namespace millrace
