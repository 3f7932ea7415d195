// ORDER BY as the state's encoding of rows wants it.
#pragma once

#include <vector>

#include "planner/plan.h"
#include "state/ordered_row.h"

namespace millrace {

inline std::vector<OrderColumn> OrderColumns(const std::vector<SortKey>& keys) {
  std::vector<OrderColumn> columns;
  for (const SortKey& key : keys) columns.push_back({key.column, key.descending, key.nulls_first});
  return columns;
}

}  // namespace millrace
