// The rows of many groups, each group's in order: what top-N ranks.
//
// Rows are keys as in state/ordered_row.h, where a group is a partition. They live in a GroupTable,
// which finds and checkpoints them, and are the nodes of one treap per group, whose priorities are
// the hashes of the rows: a small group costs nothing beside its rows, and in a large one every
// place is found in logarithmic time by key and by position.
//
// State rows: key   := as in state/ordered_row.h
//             value := weight:fixed64 partition_end:fixed32 order_end:fixed32
#pragma once

#include <string_view>

#include "state/group_table.h"
#include "state/ordered_row.h"
#include "state/store.h"

namespace millrace {

class RankedRows {
 public:
  struct Node {
    int64_t weight;  // How often the row stands in the input; in the tree while positive.
    int64_t shown;   // How often in the output; the rest is the owner's.
    int64_t rank;    // Of the first of those.
    int64_t total;   // Units in the subtree.
    char* parent;
    char* left;
    char* right;
    char* next_touched;
    OrderedKeyEnds ends;
    bool first_peer;  // Differs from the row before in its sort keys.
  };
  // What positions count.
  enum class Unit : uint8_t {
    kCopies,  // Rows, each as often as its weight says.
    kPeers,   // Sets of rows with equal sort keys.
  };

  RankedRows(Unit unit, bool tracked) : unit_(unit), table_(sizeof(Node), tracked) {}

  static Node& node(char* row) { return *reinterpret_cast<Node*>(row + GroupTable::kPayload); }
  static const Node& node(const char* row) {
    return *reinterpret_cast<const Node*>(row + GroupTable::kPayload);
  }
  std::string_view key(const char* row) const { return table_.key(row); }
  // Its sort keys, and all that says where it stands in its group.
  std::string_view order(const char* row) const {
    const OrderedKeyEnds& ends = node(row).ends;
    return key(row).substr(ends.partition, ends.order - ends.partition);
  }
  std::string_view place(const char* row) const {
    return key(row).substr(node(row).ends.partition);
  }

  // Sets rows[i] to the row of keys[i], made with weight 0 if there is none.
  void FindOrInsert(const OrderedKeys& keys, std::span<char*> rows);
  // Adds to the row's weight and keeps the tree at `*root` in step.
  void AddWeight(char** root, char* row, int64_t weight);
  // Forgets a row that is in no tree.
  void Erase(char* row) { table_.Erase(row); }
  // Forgets all rows of a tree; of those outside it, nothing.
  void EraseTree(char* root);

  // Of rows of one group.
  int Compare(const char* a, const char* b) const;
  bool ArePeers(const char* a, const char* b) const { return order(a) == order(b); }

  // Null where there is no such row. All take time logarithmic in the tree's size.
  char* First(char* root) const;
  char* Last(char* root) const;
  char* Next(char* row) const;
  char* Previous(char* row) const;
  // The first row that is not before `row`, which need not be in the tree.
  char* LowerBound(char* root, const char* row) const;
  // The first of the row's peers, and the first row behind them.
  char* FirstPeer(char* root, const char* row) const;
  char* BehindPeers(char* root, const char* row) const;
  // The row that holds unit `position`, from 1.
  char* Select(char* root, int64_t position) const;
  int64_t UnitsBefore(const char* row) const;
  static int64_t Total(const char* root) { return root == nullptr ? 0 : node(root).total; }

  void BeginCheckpoint(OperatorId op, StateWriter* writer);
  bool CopySlice(size_t max_rows) { return table_.CopySlice(max_rows); }
  // `root_of` gives the place of the root for a group's key.
  void Restore(OperatorId op, const Store& store, size_t partition, size_t partitions,
               const std::function<char**(std::string_view group)>& root_of);

  size_t size() const { return table_.size(); }
  size_t bytes() const { return table_.bytes(); }

 private:
  int64_t UnitsOf(const Node& n) const { return unit_ == Unit::kCopies ? n.weight : n.first_peer; }
  void Link(char** root, char* row);
  void Unlink(char** root, char* row);
  void Rotate(char** root, char* row);
  void Replace(char** root, char* row, char* by);
  void Sum(Node* n) const;
  // Adds to the totals of the row and all above it.
  static void AddTotal(char* row, int64_t units);
  void SetFirstPeer(char* row, bool first) const;

  Unit unit_;
  GroupTable table_;
};

}  // namespace millrace
