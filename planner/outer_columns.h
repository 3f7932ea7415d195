// Column expressions that mean no column of their node's input, while a query is being bound:
//
//   outer     a column of the row of an enclosing query
//   subquery  the value of a subquery of the same query block
//   inner     a column of a subquery's row, in the comparison that IN or ANY makes with it
//
// Joining the subqueries replaces them; a finished plan has none.
#pragma once

#include <cstddef>

namespace millrace {

constexpr size_t kFirstOuterColumn = size_t{1} << 40;
constexpr size_t kFirstSubquery = size_t{1} << 50;
constexpr size_t kFirstInnerColumn = size_t{1} << 60;
// Room for the columns of one query block and for its subqueries.
constexpr size_t kColumnsPerQuery = size_t{1} << 20;

// `query` numbers the blocks of a statement.
constexpr size_t OuterColumn(size_t query, size_t column) {
  return kFirstOuterColumn + query * kColumnsPerQuery + column;
}
constexpr bool IsOuterColumn(size_t index) {
  return index >= kFirstOuterColumn && index < kFirstSubquery;
}
// Whether it is a column of that block's row.
constexpr bool IsColumnOf(size_t query, size_t index) {
  return index >= OuterColumn(query, 0) && index < OuterColumn(query + 1, 0);
}

}  // namespace millrace
