// The rows of one partition of OVER, as columns and by position.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "functions/aggregate.h"
#include "functions/scalar.h"
#include "state/ordered_table.h"

namespace millrace {

// What is left of rows in front of a partition's first one, which are kept no more.
struct OverCarry {
  int64_t rows = 0;
  std::unique_ptr<char[]> states;       // Of running aggregates, over these rows.
  std::unique_ptr<AggregateHeap> heap;  // Of these states.
  // By call: the encoded value that it gives from here on, once one of these rows has it.
  std::vector<std::optional<std::string>> values;
};

// What the parts of the OVER operator look at. Positions count from the first row that is kept.
struct OverRows {
  const OrderedLayout* layout;
  const OrderedTable* table;
  const OrderedPartition* partition;
  const EvalContext* eval;
  const OverCarry* carry = nullptr;  // Null: the first row is the first there was.

  size_t size() const { return partition->size(); }
  std::string_view Key(const char* row) const { return table->Key(row); }

  // These columns of the rows [begin, end).
  std::vector<Column> Columns(size_t begin, size_t end, std::span<const size_t> columns) const;
  // One column of the rows at `positions`; NULL where a position is kNone.
  static constexpr size_t kNone = SIZE_MAX;
  Column Pick(std::span<const size_t> positions, size_t column) const;
};

// Where the peers of each row of [begin, end) begin and end: rows that ORDER BY does not tell
// apart.
struct OverPeers {
  std::vector<size_t> begins, ends;

  OverPeers(const OverRows& rows, size_t begin, size_t end);
};

}  // namespace millrace
