#include "state/ordered_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace {

OrderedTable::OrderedTable(Options options)
    : options_(options),
      rows_(sizeof(Head) + options.payload_size, options.tracked),
      partitions_(sizeof(OrderedPartition*), false) {}

OrderedTable::~OrderedTable() {
  ForEachPartition([](OrderedPartition* partition) { delete partition; });
}

// In the order, of a row that is there so often.
size_t OrderedTable::Places(int64_t count) const {
  if (count <= 0) return 0;
  return options_.copies ? static_cast<size_t>(count) : 1;
}

OrderedPartition* OrderedTable::FindOrMakePartition(std::string_view key, uint64_t hash) {
  partitions_.Reserve(1);
  bool created = false;
  char* row = partitions_.FindOrInsert(key, hash, &created);
  if (created) PartitionAt(row) = new OrderedPartition(GroupTable::key(row));
  return PartitionAt(row);
}

OrderedPartition* OrderedTable::FindPartition(std::string_view key) const {
  char* row = partitions_.Find(key, HashBytes(key));
  return row == nullptr ? nullptr : PartitionAt(row);
}

void OrderedTable::Add(const OrderedKeys& keys, const int64_t* weights) {
  found_.resize(keys.size());
  rows_.FindOrInsert(keys, found_, [&](char* row, size_t i) {
    GroupTable::header(row).vnode = keys.vnode(i);
    HeadOf(row) = {0, FindOrMakePartition(keys.partition(i), keys.partition_hash(i)), keys.ends(i)};
  });
  for (size_t i = 0; i < keys.size(); ++i) {
    char* row = found_[i];
    rows_.BeforeChange(row);
    bool& touched = GroupTable::header(row).touched;
    if (!touched) touched_.push_back({row, HeadOf(row).count, 0});
    touched = true;
    HeadOf(row).count += weights ? weights[i] : 1;
  }
}

int64_t OrderedTable::TakeMissing(std::string_view key, uint64_t hash) {
  char* row = rows_.Find(key, hash);
  if (row == nullptr || HeadOf(row).count >= 0) return 0;
  return -std::exchange(HeadOf(row).count, 0);
}

std::span<const OrderedTable::PartitionChanges> OrderedTable::Settle() {
  for (Change& change : touched_) {
    int64_t& count = HeadOf(change.row).count;
    count = std::max<int64_t>(count, 0);
    change.after = count;
  }
  const auto changed_end = std::partition(touched_.begin(), touched_.end(),
                                          [](const Change& c) { return c.before != c.after; });
  std::sort(touched_.begin(), changed_end,
            [&](const Change& a, const Change& b) { return Key(a.row) < Key(b.row); });
  for (auto first = touched_.begin(); first != changed_end;) {
    OrderedPartition* const partition = HeadOf(first->row).partition;
    auto last = first;
    for (; last != changed_end && HeadOf(last->row).partition == partition; ++last) {
      const size_t before = Places(last->before), after = Places(last->after);
      if (after > before) partition->Insert(last->row, after - before);
      if (before > after) partition->Remove(last->row, before - after);
    }
    partition->Renumber();
    changes_.push_back({partition, {first, last}});
    first = last;
  }
  return changes_;
}

void OrderedTable::Drop(OrderedPartition* partition, char* row) {
  partition->Remove(row, Places(HeadOf(row).count));
  emptied_.push_back(partition);
  Forget(row);
}

void OrderedTable::DropAll(OrderedPartition* partition) {
  for (const OrderedPartition::Leaf& leaf : partition->leaves()) {
    for (char* row : leaf.rows) {
      if (HeadOf(row).count > 0) Forget(row);  // Copies come in a row.
    }
  }
  partition->Clear();
  emptied_.push_back(partition);
}

void OrderedTable::Forget(char* row) {
  rows_.BeforeChange(row);
  HeadOf(row).count = 0;
  if (!GroupTable::header(row).touched) dropped_.push_back(row);
}

void OrderedTable::Finish() {
  for (const PartitionChanges& changes : changes_) emptied_.push_back(changes.partition);
  for (const Change& change : touched_) {
    GroupTable::header(change.row).touched = false;
    // A row that was never there may have made its partition.
    if (change.before == 0) emptied_.push_back(HeadOf(change.row).partition);
    if (HeadOf(change.row).count == 0) rows_.Erase(change.row);
  }
  for (char* row : dropped_) rows_.Erase(row);
  std::sort(emptied_.begin(), emptied_.end());
  emptied_.erase(std::unique(emptied_.begin(), emptied_.end()), emptied_.end());
  for (OrderedPartition* partition : emptied_) {
    if (!partition->empty()) continue;
    partitions_.Erase(partitions_.Find(partition->key(), HashBytes(partition->key())));
    delete partition;
  }
  touched_.clear();
  changes_.clear();
  dropped_.clear();
  emptied_.clear();
}

void OrderedTable::BeginCheckpoint(OperatorId op, StateWriter* writer) {
  assert(touched_.empty() && dropped_.empty());
  rows_.BeginCheckpoint(op, writer, [this](const char* row, std::string* value) {
    const Head& head = HeadOf(row);
    value->append(reinterpret_cast<const char*>(&head.count), sizeof head.count);
    value->append(reinterpret_cast<const char*>(&head.ends), sizeof head.ends);
    if (codec_.encode) return codec_.encode(Payload(row), value);
    value->append(Payload(row), options_.payload_size);
  });
}

void OrderedTable::Restore(OperatorId op, const Store& store, size_t partition, size_t partitions) {
  store.Scan(op, partition, partitions,
             [&](uint32_t vnode, std::string_view key, std::string_view value) {
               rows_.Reserve(1);
               bool created = false;
               char* row = rows_.FindOrInsert(key, HashBytes(key), &created);
               Head& head = HeadOf(row);
               std::memcpy(&head.count, value.data(), sizeof head.count);
               value.remove_prefix(sizeof head.count);
               std::memcpy(&head.ends, value.data(), sizeof head.ends);
               value.remove_prefix(sizeof head.ends);
               const std::string_view partition_key = key.substr(0, head.ends.partition);
               head.partition = FindOrMakePartition(partition_key, HashBytes(partition_key));
               if (codec_.decode) {
                 codec_.decode(value, Payload(row));
               } else if (options_.payload_size > 0) {
                 std::memcpy(Payload(row), value.data(), options_.payload_size);
               }
               GroupTable::header(row).vnode = static_cast<uint8_t>(vnode);
               GroupTable::MarkRestored(row);
               head.partition->Insert(row, Places(head.count));
             });
  ForEachPartition([](OrderedPartition* made) { made->Renumber(); });
}

size_t OrderedTable::bytes() const {
  constexpr size_t kPartition = sizeof(OrderedPartition) + sizeof(OrderedPartition::Leaf);
  return rows_.bytes() + partitions_.bytes() + partitions_.size() * kPartition +
         rows_.size() * sizeof(char*);
}

}  // namespace millrace
