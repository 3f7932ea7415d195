#include "executor/value_table.h"

#include <algorithm>

namespace millrace {

OrderedPartition* ValueTable::MakeOrder(char* group) {
  uint64_t& head = Head(group);
  if (head == 0) {
    if (free_orders_.empty()) {
      orders_.emplace_back();
      free_orders_.push_back(orders_.size());
    }
    head = free_orders_.back();
    free_orders_.pop_back();
    orders_[head - 1] = std::make_unique<OrderedPartition>("", values_.row_size());
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

void ValueTable::Add(const Rows& rows, std::vector<int64_t>* distinct) {
  distinct->assign(rows.keys.size(), 0);
  for (size_t i = 0; i < rows.keys.size(); ++i) {
    if (rows.skip[i]) continue;
    values_.Reserve(1);
    bool created = false;
    char* row = values_.FindOrInsert(rows.keys[i], rows.keys.hash(i), &created);
    if (created) {
      GroupTable::header(row).vnode = GroupTable::header(rows.groups[i]).vnode;
      NodeOf(row).group_size = rows.group_sizes[i];
      Insert(row, rows.groups[i]);
    }
    values_.BeforeChange(row);
    int64_t& count = NodeOf(row).count;
    const bool before = count > 0;
    count += rows.weights ? rows.weights[i] : 1;
    (*distinct)[i] = static_cast<int64_t>(count > 0) - static_cast<int64_t>(before);
    if (count == 0) Erase(row, rows.groups[i]);
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
  values_.BeginCheckpoint(id, writer, [](const char* row, std::string* value) {
    const char* node = row + GroupTable::kPayload;
    value->append(node, sizeof(int64_t) + sizeof(uint32_t));
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
