// The versions of a row over time, where a query keeps only the last of each key.
#pragma once

#include <optional>
#include <vector>

#include "planner/plan.h"

namespace millrace {

struct Versions {
  NodePtr rows;             // All versions, in the query's columns; it only grows.
  std::vector<size_t> key;  // Columns.
  size_t time = 0;          // An event-time column: from when a version is valid.
};

// Of `SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY key ORDER BY time DESC) AS n …)
// WHERE n = 1`, bound but not rewritten yet, also through views and QUALIFY; nothing of other
// queries, or where the key or the time is not among the columns.
std::optional<Versions> FindVersions(const Node& node);

}  // namespace millrace
