// Counted values per group: what DISTINCT and retractable MIN and MAX keep.
//
// State rows: key := group key, value (types/row_key.h); value := count:fixed64.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "state/group_table.h"
#include "state/store.h"

namespace millrace {

// The values of a group are a list whose head lies in the group's row, 8 bytes at `head_offset`.
class ValueTable {
 public:
  // `ordered`: Extreme() will be asked for.
  ValueTable(size_t head_offset, bool ordered, bool tracked)
      : head_offset_(head_offset), ordered_(ordered), values_(sizeof(Node), tracked) {}

  // Adds `weights` (null: 1 each) to the counts of the values (row i: the key of groups[i] and the
  // argument, encoded), skipping rows whose `skip` byte is set. distinct[i] receives +1 when the
  // count became positive, -1 when it ceased to be, else 0.
  void Add(const RowKeys& keys, std::span<char* const> groups, const int64_t* weights,
           std::span<const uint8_t> skip, std::vector<int64_t>* distinct);
  // The encoded least or greatest value of the group; nothing when it has none.
  std::optional<std::string_view> Extreme(std::string_view group_key, bool least) const;
  // f(encoded group key and value, count) for each value of the group that is there.
  template <class F>
  void ForEach(char* group, F f) const {
    for (char* row = Head(group); row != nullptr; row = NodeOf(row).next) {
      if (NodeOf(row).count > 0) f(values_.key(row), NodeOf(row).count);
    }
  }
  // Forgets the group's values.
  void DropGroup(char* group);

  void BeginCheckpoint(OperatorId id, StateWriter* writer);
  bool CopySlice(size_t max_rows) { return values_.CopySlice(max_rows); }
  // `group_of` finds the group that a value's key belongs to.
  void Restore(OperatorId id, const Store& store, size_t partition, size_t partitions,
               const std::function<char*(std::string_view key)>& group_of);
  size_t bytes() const { return values_.bytes(); }

 private:
  struct Node {
    int64_t count;
    char* previous;
    char* next;
  };
  static Node& NodeOf(char* row) { return *reinterpret_cast<Node*>(row + GroupTable::kPayload); }
  char*& Head(char* group) const { return *reinterpret_cast<char**>(group + head_offset_); }
  void Insert(char* row, char* group);
  void Erase(char* row, char* group);

  size_t head_offset_;
  bool ordered_;
  GroupTable values_;
  // The keys of the rows, which never move: all of a group's values lie together, in SQL order.
  std::set<std::string_view> order_;
};

}  // namespace millrace
