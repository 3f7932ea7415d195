// Counted values per group: what DISTINCT, retractable MIN and MAX, and aggregates of all values
// keep.
//
// State rows: key   := group key, value (types/row_key.h)
//             value := count:fixed64 group_key_size:fixed32 (count:fixed64)*
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "state/group_table.h"
#include "state/ordered_partition.h"
#include "state/store.h"

namespace millrace {

// The values of a group hang on its row, 8 bytes at `head_offset`: in a list or, if they are
// ordered, an OrderedPartition.
class ValueTable {
 public:
  // `ordered`: the values of a group are asked for in their order. Each value has `counts` counts,
  // and is there while any of them is not zero.
  ValueTable(size_t head_offset, bool ordered, size_t counts, bool tracked)
      : head_offset_(head_offset),
        ordered_(ordered),
        counts_(counts),
        more_counts_(GroupTable::kPayload + (ordered ? sizeof(Node) : sizeof(ListNode))),
        values_(more_counts_ - GroupTable::kPayload + (counts - 1) * sizeof(int64_t), tracked) {}

  // Adds `weights` (null: 1 each) to count c of the values (row i: the key of groups[i],
  // `group_sizes[i]` bytes, and the value, encoded) but for rows whose byte in `skips[c]` is set.
  // (*distinct)[c][i] receives +1 when the count became positive, -1 when it ceased to be, else 0.
  struct Rows {
    const RowKeys& keys;
    std::span<char* const> groups;
    std::span<const uint32_t> group_sizes;
    const int64_t* weights;
    std::span<const std::vector<uint8_t>> skips;
  };
  void Add(const Rows& rows, std::vector<std::vector<int64_t>>* distinct);
  // The encoded least or greatest value of the group; nothing when it has none. REQUIRES: ordered.
  std::optional<std::string_view> Extreme(const char* group, bool least) const;
  // f(encoded value, first count) for each value of the group that is there.
  template <class F>
  void ForEach(const char* group, F f) const;
  // Forgets the group's values.
  void DropGroup(char* group);

  void BeginCheckpoint(OperatorId id, StateWriter* writer);
  bool CopySlice(size_t max_rows) { return values_.CopySlice(max_rows); }
  // `group_of` finds the group with a key.
  void Restore(OperatorId id, const Store& store, size_t partition, size_t partitions,
               const std::function<char*(std::string_view group_key)>& group_of);
  size_t bytes() const;

 private:
  struct Node {
    int64_t count;
    uint32_t group_size;  // Of the group's key, in front of the value.
  };
  struct ListNode : Node {
    char* previous;
    char* next;
  };
  static Node& NodeOf(char* row) { return *reinterpret_cast<Node*>(row + GroupTable::kPayload); }
  static ListNode& ListOf(char* row) {
    return *reinterpret_cast<ListNode*>(row + GroupTable::kPayload);
  }
  // In a list its first row, else the place of the group's OrderedPartition from 1 on; 0: no
  // values.
  uint64_t& Head(char* group) const { return *reinterpret_cast<uint64_t*>(group + head_offset_); }
  uint64_t Head(const char* group) const { return Head(const_cast<char*>(group)); }
  char* FirstOf(const char* group) const { return reinterpret_cast<char*>(Head(group)); }
  int64_t& CountOf(char* row, size_t c) const {
    if (c == 0) return NodeOf(row).count;
    return reinterpret_cast<int64_t*>(row + more_counts_)[c - 1];
  }
  bool IsThere(char* row) const {
    size_t c = 0;
    while (c < counts_ && CountOf(row, c) == 0) ++c;
    return c < counts_;
  }
  std::string_view ValueOf(char* row) const {
    return values_.key(row).substr(NodeOf(row).group_size);
  }
  void FindRows(const Rows& rows);
  void Insert(char* row, char* group);
  void Erase(char* row, char* group);
  OrderedPartition* MakeOrder(char* group);
  void DropOrder(char* group);
  const OrderedPartition& OrderOf(const char* group) const { return *orders_[Head(group) - 1]; }

  size_t head_offset_;
  bool ordered_;
  size_t counts_;
  size_t more_counts_;  // Place in a row of the counts behind the first.
  GroupTable values_;
  std::vector<std::unique_ptr<OrderedPartition>> orders_;
  std::vector<uint64_t> free_orders_;  // Places in orders_ from 1 on.
  // Scratch of Add: the rows that count, and their values.
  std::vector<uint32_t> picked_;
  std::vector<char*> found_;
};

template <class F>
void ValueTable::ForEach(const char* group, F f) const {
  if (Head(group) == 0) return;
  const auto visit = [&](char* row) {
    // Counts below zero belong to a retraction that came before its insertion: not there yet.
    if (NodeOf(row).count > 0) f(ValueOf(row), NodeOf(row).count);
  };
  if (!ordered_) {
    for (char* row = FirstOf(group); row != nullptr; row = ListOf(row).next) visit(row);
    return;
  }
  for (const OrderedPartition::Leaf& leaf : OrderOf(group).leaves()) {
    for (char* row : leaf.rows) visit(row);
  }
}

}  // namespace millrace
