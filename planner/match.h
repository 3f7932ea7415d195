// The plan of MATCH_RECOGNIZE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "functions/aggregate.h"
#include "functions/expr.h"
#include "planner/sort_key.h"

namespace millrace {

// What a condition or a measure sees of the rows of a match; in a condition these are the rows so
// far and the one that is to be taken. Conditions and measures are expressions over the slots.
struct MatchSlot {
  enum class Kind : uint8_t {
    kColumn,     // A column of one row; NULL when there is no such row.
    kExists,     // TRUE when there is such a row, else NULL.
    kAggregate,  // Over all the rows.
  };
  Kind kind = Kind::kColumn;
  std::optional<size_t> variable;  // Index in the pattern: its rows. None: all rows of the match.
  bool first = false;              // The row is the first one, else the last,
  int64_t offset = 0;              // or so many behind or before it.
  size_t column = 0;               // Input column, of kColumn.
  ResolvedAggregate aggregate;     // Of kAggregate,
  ExprPtr argument;                // with its argument over the input's columns; null: COUNT(*).
  Type type;
};

// A variable of the pattern and its quantifier: takes `min` to `max` (none: any number of) rows.
struct MatchVariable {
  std::string name;
  int64_t min = 1;
  std::optional<int64_t> max = 1;
  bool reluctant = false;  // As few rows as possible, else as many.
  ExprPtr condition;       // Null: every row.
};

// One row for every match of the pattern among the rows of a partition in `order`, which begins
// with a time attribute; rows that it does not tell apart follow their encoded bytes. Of several
// matches that begin at a row, the one that the quantifiers prefer, the first variable's first.
// Output: the partition's columns, then the measures.
struct MatchRecognize {
  enum class Skip : uint8_t { kPastLastRow, kToNextRow, kToFirst, kToLast };
  std::vector<size_t> partition;  // Input columns.
  std::vector<SortKey> order;
  std::vector<MatchVariable> pattern;
  std::vector<MatchSlot> slots;
  std::vector<ExprPtr> measures;
  Skip skip = Skip::kPastLastRow;
  size_t skip_to = 0;             // Index in the pattern; of kToFirst and kToLast.
  std::optional<int64_t> within;  // The most between the first and the last row, microseconds.
  bool proctime = false;          // The order is that of arrival.
  bool decides_late = false;      // The first event-time operator on its path.
};

}  // namespace millrace
