#include "executor/ranked_rows.h"

namespace millrace {
namespace {

// Of two rows of a treap, the one with the higher priority is above.
uint64_t Priority(const char* row) { return GroupTable::header(row).hash; }

}  // namespace

void RankedRows::FindOrInsert(const OrderedKeys& keys, std::span<char*> rows) {
  table_.FindOrInsert(keys, rows, [&](char* row, size_t i) {
    GroupTable::header(row).vnode = keys.vnode(i);
    node(row).ends = keys.ends(i);
  });
}

void RankedRows::AddWeight(char** root, char* row, int64_t weight) {
  table_.BeforeChange(row);
  Node& n = node(row);
  const int64_t before = n.weight;
  const bool stays = before > 0 && before + weight > 0;
  if (before > 0 && !stays) Unlink(root, row);
  n.weight += weight;
  if (stays && unit_ == Unit::kCopies) AddTotal(row, weight);
  if (before <= 0 && n.weight > 0) Link(root, row);
}

void RankedRows::EraseTree(char* root) {
  if (root == nullptr) return;
  EraseTree(node(root).left);
  EraseTree(node(root).right);
  table_.Erase(root);
}

int RankedRows::Compare(const char* a, const char* b) const { return place(a).compare(place(b)); }

char* RankedRows::First(char* root) const {
  while (root != nullptr && node(root).left != nullptr) root = node(root).left;
  return root;
}

char* RankedRows::Last(char* root) const {
  while (root != nullptr && node(root).right != nullptr) root = node(root).right;
  return root;
}

char* RankedRows::Next(char* row) const {
  if (node(row).right != nullptr) return First(node(row).right);
  char* child = row;
  for (row = node(row).parent; row != nullptr && node(row).right == child;) {
    child = std::exchange(row, node(row).parent);
  }
  return row;
}

char* RankedRows::Previous(char* row) const {
  if (node(row).left != nullptr) return Last(node(row).left);
  char* child = row;
  for (row = node(row).parent; row != nullptr && node(row).left == child;) {
    child = std::exchange(row, node(row).parent);
  }
  return row;
}

namespace {

// The first row of the tree that is not `before` what is sought.
template <class Before>
char* FirstNot(char* root, Before before) {
  char* found = nullptr;
  while (root != nullptr) {
    if (before(root)) {
      root = RankedRows::node(root).right;
    } else {
      found = std::exchange(root, RankedRows::node(root).left);
    }
  }
  return found;
}

}  // namespace

char* RankedRows::LowerBound(char* root, const char* row) const {
  return FirstNot(root, [&](const char* other) { return Compare(other, row) < 0; });
}

char* RankedRows::FirstPeer(char* root, const char* row) const {
  return FirstNot(root, [&](const char* other) { return order(other) < order(row); });
}

char* RankedRows::BehindPeers(char* root, const char* row) const {
  return FirstNot(root, [&](const char* other) { return order(other) <= order(row); });
}

char* RankedRows::Select(char* root, int64_t position) const {
  if (position < 1 || position > Total(root)) return nullptr;
  for (;;) {
    const Node& n = node(root);
    const int64_t left = Total(n.left);
    if (position <= left) {
      root = n.left;
    } else if (position <= left + UnitsOf(n)) {
      return root;
    } else {
      position -= left + UnitsOf(n);
      root = n.right;
    }
  }
}

int64_t RankedRows::UnitsBefore(const char* row) const {
  int64_t units = Total(node(row).left);
  for (const char* above = node(row).parent; above != nullptr; above = node(row).parent) {
    const Node& n = node(above);
    if (n.right == row) units += Total(n.left) + UnitsOf(n);
    row = above;
  }
  return units;
}

void RankedRows::Sum(Node* n) const { n->total = Total(n->left) + UnitsOf(*n) + Total(n->right); }

void RankedRows::AddTotal(char* row, int64_t units) {
  for (; row != nullptr; row = node(row).parent) node(row).total += units;
}

void RankedRows::SetFirstPeer(char* row, bool first) const {
  Node& n = node(row);
  if (n.first_peer == first) return;
  n.first_peer = first;
  AddTotal(row, first ? 1 : -1);
}

// Puts `by` (may be null) where `row` is.
void RankedRows::Replace(char** root, char* row, char* by) {
  char* parent = node(row).parent;
  if (parent == nullptr) {
    *root = by;
  } else {
    (node(parent).left == row ? node(parent).left : node(parent).right) = by;
  }
  if (by != nullptr) node(by).parent = parent;
}

// Moves the row above its parent.
void RankedRows::Rotate(char** root, char* row) {
  char* parent = node(row).parent;
  Replace(root, parent, row);
  const bool is_left = node(parent).left == row;
  char*& inner = is_left ? node(row).right : node(row).left;
  (is_left ? node(parent).left : node(parent).right) = inner;
  if (inner != nullptr) node(inner).parent = parent;
  inner = parent;
  node(parent).parent = row;
  Sum(&node(parent));
  Sum(&node(row));
}

void RankedRows::Link(char** root, char* row) {
  Node& n = node(row);
  n.left = n.right = n.parent = nullptr;
  n.first_peer = false;
  n.total = 0;
  for (char** place = root; *place != nullptr;) {
    n.parent = *place;
    place = Compare(row, *place) < 0 ? &node(*place).left : &node(*place).right;
    if (*place == nullptr) {
      *place = row;
      break;
    }
  }
  if (n.parent == nullptr) *root = row;
  if (unit_ == Unit::kCopies) {
    AddTotal(row, n.weight);
  } else {
    char* before = Previous(row);
    SetFirstPeer(row, before == nullptr || !ArePeers(before, row));
    if (char* behind = Next(row)) SetFirstPeer(behind, !ArePeers(row, behind));
  }
  while (n.parent != nullptr && Priority(row) > Priority(n.parent)) Rotate(root, row);
}

void RankedRows::Unlink(char** root, char* row) {
  Node& n = node(row);
  if (unit_ == Unit::kPeers) {
    char* before = Previous(row);
    if (char* behind = Next(row)) {
      SetFirstPeer(behind, before == nullptr || !ArePeers(before, behind));
    }
    SetFirstPeer(row, false);
  }
  while (n.left != nullptr && n.right != nullptr) {
    Rotate(root, Priority(n.left) > Priority(n.right) ? n.left : n.right);
  }
  if (unit_ == Unit::kCopies) AddTotal(row, -n.weight);
  Replace(root, row, n.left != nullptr ? n.left : n.right);
  n.left = n.right = n.parent = nullptr;
}

void RankedRows::BeginCheckpoint(OperatorId op, StateWriter* writer) {
  table_.BeginCheckpoint(op, writer, [](const char* row, std::string* value) {
    const Node& n = node(row);
    value->append(reinterpret_cast<const char*>(&n.weight), sizeof n.weight);
    value->append(reinterpret_cast<const char*>(&n.ends), sizeof n.ends);
  });
}

void RankedRows::Restore(OperatorId op, const Store& store, size_t partition, size_t partitions,
                         const std::function<char**(std::string_view group)>& root_of) {
  store.Scan(op, partition, partitions,
             [&](uint32_t vnode, std::string_view key, std::string_view value) {
               table_.Reserve(1);
               bool created = false;
               char* row = table_.FindOrInsert(key, HashBytes(key), &created);
               GroupTable::header(row).vnode = static_cast<uint8_t>(vnode);
               Node& n = node(row);
               std::memcpy(&n.weight, value.data(), sizeof n.weight);
               std::memcpy(&n.ends, value.data() + sizeof n.weight, sizeof n.ends);
               if (n.weight > 0) Link(root_of(key.substr(0, n.ends.partition)), row);
               GroupTable::MarkRestored(row);
             });
}

}  // namespace millrace
