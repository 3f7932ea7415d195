// Rows with weights: a Z-set as in DBSP. Weight +n inserts a row n times, -n deletes it n times.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "types/column.h"

namespace millrace {

struct Batch {
  std::vector<Column> columns;
  std::vector<int64_t> weights;  // Empty when every row is an insert.
  size_t size = 0;

  bool append_only() const { return weights.empty(); }
  int64_t weight(size_t i) const { return weights.empty() ? 1 : weights[i]; }

  Batch Take(std::span<const uint32_t> rows) const;
  // The rows with keep[i] = 1, `kept` of them; 0 for the others.
  Batch Compress(const uint8_t* keep, size_t kept) const;
  Batch Slice(size_t begin, size_t count) const;
};

// Joins batches of one schema end to end. REQUIRES: not empty.
Batch Concat(std::span<const Batch> parts);

}  // namespace millrace
