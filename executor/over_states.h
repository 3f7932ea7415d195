// States of aggregates over many rows at once: how OVER adds up frames.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "executor/over_rows.h"
#include "functions/aggregate.h"

namespace millrace {

// An aggregate over some rows.
struct OverItem {
  AggregateKernel kernel;
  std::optional<size_t> argument, filter;  // Columns; no argument: COUNT(*).
  bool first_peers = false;                // Only the first row of each set of peers counts.
  bool takes_nulls = false;
  size_t offset = 0;  // Of its state in a block.
};

// Whether states of rows can be put together in any way: else rows are added one after another.
bool CanMerge(const AggregateKernel& kernel, std::string_view function);

// Blocks of states, one behind the other.
class StateBlocks {
 public:
  // `items` get their offsets here; blocks are initialised.
  StateBlocks(std::span<const OverItem> items, size_t stride, size_t count);
  char* operator[](size_t i) { return bytes_.get() + i * stride_; }
  const char* operator[](size_t i) const { return bytes_.get() + i * stride_; }
  size_t size() const { return count_; }
  // Blocks [begin, end).
  std::vector<char*> Range(size_t begin, size_t end);

 private:
  size_t stride_, count_;
  std::unique_ptr<char[]> bytes_;
};

// Gives the items their places in a block; returns its size.
size_t LayOutStates(std::span<OverItem> items);

// The argument and the filter of an item for some rows.
struct ItemInput {
  Column argument;
  std::vector<uint8_t> filter;
  bool has_argument = false;

  const Column* argument_or_null() const { return has_argument ? &argument : nullptr; }
  const uint8_t* filter_or_null() const { return filter.empty() ? nullptr : filter.data(); }
};
ItemInput ReadInput(const OverRows& rows, const OverItem& item, size_t begin, size_t end);

// Adds row i to blocks[i].
void AddRows(const OverItem& item, const ItemInput& input, std::span<char* const> blocks,
             AggregateHeap* heap);

// Adds every block to the one behind it, from the first on. REQUIRES: CanMerge.
void AddUp(const OverItem& item, std::span<char* const> blocks, AggregateHeap* heap);

}  // namespace millrace
