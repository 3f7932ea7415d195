#include "executor/value_table.h"

#include <algorithm>

namespace millrace {
namespace {

// Some of the keys.
struct PickedKeys {
  const RowKeys& keys;
  std::span<const uint32_t> picked;

  size_t size() const { return picked.size(); }
  uint64_t hash(size_t k) const { return keys.hash(picked[k]); }
  std::string_view operator[](size_t k) const { return keys[picked[k]]; }
};

}  // namespace

OrderedPartition* ValueTable::MakeOrder(char* group) {
  uint64_t& head = Head(group);
  if (head == 0) {
    if (free_orders_.empty()) {
      orders_.emplace_back();
      free_orders_.push_back(orders_.size());
    }
    head = free_orders_.back();
    free_orders_.pop_back();
    orders_[head - 1] = std::make_unique<OrderedPartition>("");
  }
  return orders_[head - 1].get();
}

void ValueTable::DropOrder(char* group) {
  uint64_t& head = Head(group);
  orders_[head - 1].reset();
  free_orders_.push_back(head);
  head = 0;
}

void ValueTable::Insert(char* row, char* group) {
  if (ordered_) return MakeOrder(group)->Insert(row, 1);
  ListNode& node = ListOf(row);
  node.next = FirstOf(group);
  if (node.next != nullptr) ListOf(node.next).previous = row;
  Head(group) = reinterpret_cast<uint64_t>(row);
}

void ValueTable::Erase(char* row, char* group) {
  if (ordered_) {
    OrderedPartition& order = *orders_[Head(group) - 1];
    order.Remove(row, 1);
    if (order.empty()) DropOrder(group);
  } else {
    const ListNode& node = ListOf(row);
    if (node.next != nullptr) ListOf(node.next).previous = node.previous;
    if (node.previous != nullptr) {
      ListOf(node.previous).next = node.next;
    } else {
      Head(group) = reinterpret_cast<uint64_t>(node.next);
    }
  }
  values_.Erase(row);
}

// The values of the rows that count, in found_.
void ValueTable::FindRows(const Rows& rows) {
  picked_.clear();
  for (uint32_t i = 0; i < rows.keys.size(); ++i) {
    const auto counts = [i](const std::vector<uint8_t>& skip) { return skip[i] == 0; };
    if (std::ranges::any_of(rows.skips, counts)) picked_.push_back(i);
  }
  found_.resize(picked_.size());
  values_.FindOrInsert(PickedKeys{rows.keys, picked_}, found_, [&](char* row, size_t k) {
    const uint32_t i = picked_[k];
    GroupTable::header(row).vnode = GroupTable::header(rows.groups[i]).vnode;
    NodeOf(row).group_size = rows.group_sizes[i];
    Insert(row, rows.groups[i]);
  });
}

void ValueTable::Add(const Rows& rows, std::vector<std::vector<int64_t>>* distinct) {
  distinct->resize(counts_);
  for (std::vector<int64_t>& changes : *distinct) changes.assign(rows.keys.size(), 0);
  FindRows(rows);
  std::vector<size_t>
      emptied;  // Places in found_. Other rows of the batch may have the value, too.
  for (size_t k = 0; k < found_.size(); ++k) {
    char* row = found_[k];
    const uint32_t i = picked_[k];
    values_.BeforeChange(row);
    bool zero = false;
    for (size_t c = 0; c < counts_; ++c) {
      if (rows.skips[c][i]) continue;
      int64_t& count = CountOf(row, c);
      const bool before = count > 0;
      count += rows.weights ? rows.weights[i] : 1;
      (*distinct)[c][i] = static_cast<int64_t>(count > 0) - static_cast<int64_t>(before);
      zero |= count == 0;
    }
    if (!zero || GroupTable::header(row).touched) continue;
    GroupTable::header(row).touched = true;
    emptied.push_back(k);
  }
  for (size_t k : emptied) {
    GroupTable::header(found_[k]).touched = false;
    if (!IsThere(found_[k])) Erase(found_[k], rows.groups[picked_[k]]);
  }
}

std::optional<std::string_view> ValueTable::Extreme(const char* group, bool least) const {
  if (Head(group) == 0) return std::nullopt;
  const std::vector<OrderedPartition::Leaf>& leaves = OrderOf(group).leaves();
  // Counts below zero belong to a retraction that came before its insertion: not there yet.
  const auto is_there = [](char* row) { return NodeOf(row).count > 0; };
  for (size_t k = 0; k < leaves.size(); ++k) {
    const std::vector<char*>& rows = leaves[least ? k : leaves.size() - 1 - k].rows;
    if (least) {
      const auto row = std::find_if(rows.begin(), rows.end(), is_there);
      if (row != rows.end()) return ValueOf(*row);
    } else {
      const auto row = std::find_if(rows.rbegin(), rows.rend(), is_there);
      if (row != rows.rend()) return ValueOf(*row);
    }
  }
  return std::nullopt;
}

void ValueTable::DropGroup(char* group) {
  if (Head(group) == 0) return;
  if (ordered_) {
    for (const OrderedPartition::Leaf& leaf : OrderOf(group).leaves()) {
      for (char* row : leaf.rows) values_.Erase(row);
    }
    return DropOrder(group);
  }
  for (char* row = FirstOf(group); row != nullptr;) {
    char* next = ListOf(row).next;
    values_.Erase(row);
    row = next;
  }
  Head(group) = 0;
}

void ValueTable::BeginCheckpoint(OperatorId id, StateWriter* writer) {
  values_.BeginCheckpoint(id, writer, [this](const char* row, std::string* value) {
    const char* node = row + GroupTable::kPayload;
    value->append(node, sizeof(int64_t) + sizeof(uint32_t));
    value->append(row + more_counts_, (counts_ - 1) * sizeof(int64_t));
  });
}

void ValueTable::Restore(OperatorId id, const Store& store, size_t partition, size_t partitions,
                         const std::function<char*(std::string_view group_key)>& group_of) {
  store.Scan(
      id, partition, partitions, [&](uint32_t vnode, std::string_view key, std::string_view value) {
        values_.Reserve(1);
        bool created = false;
        char* row = values_.FindOrInsert(key, HashBytes(key), &created);
        std::memcpy(&NodeOf(row).count, value.data(), sizeof(int64_t));
        std::memcpy(&NodeOf(row).group_size, value.data() + sizeof(int64_t), sizeof(uint32_t));
        std::memcpy(row + more_counts_, value.data() + sizeof(int64_t) + sizeof(uint32_t),
                    (counts_ - 1) * sizeof(int64_t));
        GroupTable::header(row).vnode = static_cast<uint8_t>(vnode);
        GroupTable::MarkRestored(row);
        Insert(row, group_of(key.substr(0, NodeOf(row).group_size)));
      });
}

size_t ValueTable::bytes() const {
  constexpr size_t kOrderBytes = sizeof(OrderedPartition) + sizeof(OrderedPartition::Leaf);
  const size_t order = ordered_ ? values_.size() * sizeof(char*) : 0;
  return values_.bytes() + order + (orders_.size() - free_orders_.size()) * kOrderBytes;
}

}  // namespace millrace
