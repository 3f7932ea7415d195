#include "executor/value_table.h"

namespace millrace {

void ValueTable::Insert(char* row, char* group) {
  if (ordered_) order_.insert(values_.key(row));
  Node& node = NodeOf(row);
  node.next = Head(group);
  if (node.next != nullptr) NodeOf(node.next).previous = row;
  Head(group) = row;
}

void ValueTable::Erase(char* row, char* group) {
  if (ordered_) order_.erase(values_.key(row));
  const Node& node = NodeOf(row);
  if (node.next != nullptr) NodeOf(node.next).previous = node.previous;
  (node.previous != nullptr ? NodeOf(node.previous).next : Head(group)) = node.next;
  values_.Erase(row);
}

void ValueTable::Add(const RowKeys& keys, std::span<char* const> groups, const int64_t* weights,
                     std::span<const uint8_t> skip, std::vector<int64_t>* distinct) {
  distinct->assign(keys.size(), 0);
  for (size_t i = 0; i < keys.size(); ++i) {
    if (skip[i]) continue;
    values_.Reserve(1);
    bool created = false;
    char* row = values_.FindOrInsert(keys[i], keys.hash(i), &created);
    if (created) {
      GroupTable::header(row).vnode = GroupTable::header(groups[i]).vnode;
      Insert(row, groups[i]);
    }
    values_.BeforeChange(row);
    int64_t& count = NodeOf(row).count;
    const bool before = count > 0;
    count += weights ? weights[i] : 1;
    (*distinct)[i] = static_cast<int64_t>(count > 0) - static_cast<int64_t>(before);
    if (count == 0) Erase(row, groups[i]);
  }
}

std::optional<std::string_view> ValueTable::Extreme(std::string_view group_key, bool least) const {
  if (least) {
    // Counts below zero belong to a retraction that came before its insertion: not there yet.
    for (auto it = order_.lower_bound(group_key); it != order_.end() && it->starts_with(group_key);
         ++it) {
      if (NodeOf(values_.Find(*it, HashBytes(*it))).count > 0) return it->substr(group_key.size());
    }
    return std::nullopt;
  }
  std::string behind(group_key);
  behind.push_back('\x02');  // Behind every value: they begin with 0 or 1.
  auto it = order_.lower_bound(behind);
  while (it != order_.begin() && (--it)->starts_with(group_key)) {
    if (NodeOf(values_.Find(*it, HashBytes(*it))).count > 0) return it->substr(group_key.size());
  }
  return std::nullopt;
}

void ValueTable::DropGroup(char* group) {
  for (char* row = Head(group); row != nullptr;) {
    char* next = NodeOf(row).next;
    if (ordered_) order_.erase(values_.key(row));
    values_.Erase(row);
    row = next;
  }
  Head(group) = nullptr;
}

void ValueTable::BeginCheckpoint(OperatorId id, StateWriter* writer) {
  values_.BeginCheckpoint(id, writer, [](const char* row, std::string* value) {
    value->append(row + GroupTable::kPayload, sizeof(int64_t));
  });
}

void ValueTable::Restore(OperatorId id, const Store& store, size_t partition, size_t partitions,
                         const std::function<char*(std::string_view key)>& group_of) {
  store.Scan(id, partition, partitions,
             [&](uint32_t vnode, std::string_view key, std::string_view value) {
               values_.Reserve(1);
               bool created = false;
               char* row = values_.FindOrInsert(key, HashBytes(key), &created);
               std::memcpy(&NodeOf(row).count, value.data(), sizeof(int64_t));
               GroupTable::header(row).vnode = static_cast<uint8_t>(vnode);
               GroupTable::MarkRestored(row);
               Insert(row, group_of(key));
             });
}

}  // namespace millrace
