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

// By processing time the time of a row's step, of the type of column `time`, and its number go
// before the other columns of the order: two more columns of the schema, which have no place in the
// input.
inline std::vector<OrderColumn> AddStepColumns(size_t time, Schema* schema) {
  const size_t first = schema->size();
  const Type type = (*schema)[time].type;
  schema->push_back({"$time", type});
  schema->push_back({"$step", Type(TypeId::kBigInt, false)});
  return {{first}, {first + 1}};
}

}  // namespace millrace
