// Aggregates from a partition's first row on: what is known of the rows before each of its leaves.
//
// Leaf data := the states of the items over all rows of the partition before the leaf. Kept in
// memory only and made again where it is missing, so a change costs what lies behind it, and an
// append no more than the last leaf.
#pragma once

#include "executor/over_states.h"

namespace millrace {

class RunningStates {
 public:
  // REQUIRES: CanMerge for every item.
  explicit RunningStates(std::vector<OverItem> items);

  bool empty() const { return items_.empty(); }
  const std::vector<OverItem>& items() const { return items_; }

  // Brings what is saved up to date after changes in [first, last) of the order. Gives a position
  // not before `last` from which on all states are as they were; the partition's size if there is
  // none.
  size_t Refresh(const OverRows& rows, OrderedPartition* partition, size_t first, size_t last);

  // The states over the rows before each position of [first, last], where first() <= `begin`.
  class Span {
   public:
    Span(size_t first, StateBlocks blocks) : first_(first), blocks_(std::move(blocks)) {}
    size_t first() const { return first_; }
    const char* operator[](size_t position) const { return blocks_[position - first_]; }

   private:
    size_t first_;
    StateBlocks blocks_;
  };
  // REQUIRES: Refresh was called for the latest changes, or never for this partition.
  Span Scan(const OverRows& rows, size_t begin, size_t end, AggregateHeap* heap) const;

  size_t stride() const { return stride_; }
  // States as bytes for the store, and back; long strings are copied into `heap`.
  void Encode(const char* block, std::string* bytes) const;
  void Decode(std::string_view* bytes, char* block, AggregateHeap* heap) const;

  // More is kept for nothing than is needed: to be cleared, with all leaf data.
  bool IsCrowded() const;
  void Clear() { heap_ = {}; }
  size_t heap_bytes() const { return heap_.arena.allocated(); }

 private:
  const char* Saved(const OverRows& rows, size_t leaf) const;
  bool IsSaved(const OrderedPartition& partition, size_t leaf) const;
  Span ScanFrom(const OverRows& rows, size_t leaf, size_t end, AggregateHeap* heap) const;
  bool Same(const char* a, const char* b) const;
  void Save(const char* block, OrderedPartition::Leaf* leaf);

  std::vector<OverItem> items_;
  size_t stride_;
  StateBlocks empty_;   // One block: before the first row.
  AggregateHeap heap_;  // Of what is saved, and of what was.
};

}  // namespace millrace
