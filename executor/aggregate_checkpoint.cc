#include <algorithm>

#include "executor/aggregate.h"

namespace millrace {
namespace {

struct OneKey {
  std::string_view key;
  uint64_t key_hash;

  static size_t size() { return 1; }
  uint64_t hash(size_t) const { return key_hash; }
  std::string_view operator[](size_t) const { return key; }
};

}  // namespace

void AggregateOperator::EncodeGroup(const char* group, std::string* value) const {
  const int64_t rows = Rows(group);
  value->append(reinterpret_cast<const char*>(&rows), sizeof rows);
  for (const Call& call : calls_) {
    if (call.kernel.serialize) {
      call.kernel.serialize(group + call.offset, value);
    } else {
      value->append(group + call.offset, call.kernel.state_size);
    }
  }
  if (ttl_ > 0) value->append(group + changed_at_offset_, sizeof(int64_t));
}

void AggregateOperator::DecodeGroup(std::string_view value, char* group) {
  std::memcpy(&Rows(group), value.data(), sizeof(int64_t));
  value.remove_prefix(sizeof(int64_t));
  for (const Call& call : calls_) {
    if (call.kernel.deserialize) {
      call.kernel.deserialize(&value, group + call.offset, heap_.get());
    } else {
      std::memcpy(group + call.offset, value.data(), call.kernel.state_size);
      value.remove_prefix(call.kernel.state_size);
    }
  }
  if (ttl_ > 0) std::memcpy(&ChangedAt(group), value.data(), sizeof(int64_t));
}

void AggregateOperator::BeginCheckpoint(StateWriter* writer) {
  groups_.BeginCheckpoint(options_.id, writer, [this](const char* group, std::string* value) {
    EncodeGroup(group, value);
  });
  for (size_t c = 0; c < calls_.size(); ++c) {
    const OperatorId id = options_.id + 1 + static_cast<OperatorId>(c);
    if (calls_[c].values) calls_[c].values->BeginCheckpoint(id, writer);
  }
}

bool AggregateOperator::CopySlice(size_t max_rows) {
  if (!groups_.CopySlice(max_rows)) return false;
  return std::all_of(calls_.begin(), calls_.end(),
                     [&](Call& call) { return !call.values || call.values->CopySlice(max_rows); });
}

void AggregateOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  if (groups_.opened()) return groups_.BeginCold(VnodeRange::Of(partition, partitions));
  store.Scan(options_.id, partition, partitions,
             [&](uint32_t vnode, std::string_view key, std::string_view value) {
               groups_.Reserve(1);
               bool created = false;
               char* group = groups_.FindOrInsert(key, HashBytes(key), &created);
               Register(group);
               DecodeGroup(value, group);
               GroupTable::header(group).vnode = static_cast<uint8_t>(vnode);
               GroupTable::MarkRestored(group);
             });
  for (size_t c = 0; c < calls_.size(); ++c) {
    if (!calls_[c].values) continue;
    const OperatorId id = options_.id + 1 + static_cast<OperatorId>(c);
    calls_[c].values->Restore(id, store, partition, partitions, [this](std::string_view key) {
      char* group = groups_.Find(key, HashBytes(key));
      assert(group != nullptr);
      return group;
    });
  }
  had_errors_ = options_.upsert && AnyGroupFails();
}

bool AggregateOperator::AnyGroupFails() const {
  std::vector<const char*> groups;
  groups_.ForEach([&](const char* group) { groups.push_back(group); });
  return AnyFails(groups);
}

bool AggregateOperator::AnyFails(std::span<const char* const> groups) const {
  RowErrors errors;
  for (const Call& call : calls_) call.kernel.evaluate(groups, call.offset, &errors);
  return !errors.empty();
}

// Groups that a window's end, their TTL or their values point to stay in memory.
void AggregateOperator::OpenStore(const Store& store, size_t, size_t) {
  const bool has_values =
      std::ranges::any_of(calls_, [](const Call& call) { return call.values != nullptr; });
  if (windowed() || ttl_ > 0 || has_values) return;
  groups_.OpenStore(&store, options_.id);
}

void AggregateOperator::FillGroup(char* group, std::string_view value) {
  ClearStates(group);
  DecodeGroup(value, group);
}

void AggregateOperator::FetchGroups(const RowKeys& keys) {
  std::vector<const char*> fetched;
  groups_.FetchRows(keys, [&](char* group, std::string_view value) {
    FillGroup(group, value);
    fetched.push_back(group);
  });
  // Its error row must be retractable.
  if (options_.upsert && !had_errors_ && !fetched.empty()) had_errors_ = AnyFails(fetched);
}

void AggregateOperator::FetchStanding(std::string_view key, uint64_t hash) {
  if (!groups_.cold()) return;
  groups_.FetchRows(OneKey{key, hash}, [&](char* group, std::string_view value) {
    FillGroup(group, value);
    if (options_.upsert && !had_errors_) had_errors_ = AnyFails({{group}});
  });
}

bool AggregateOperator::Warm(size_t max_rows) {
  if (!groups_.cold()) return false;
  return groups_.FillRows(max_rows, [&](char* group, std::string_view value) {
    FillGroup(group, value);
    if (options_.upsert && !had_errors_) had_errors_ = AnyFails({{group}});
  });
}

size_t AggregateOperator::Evict(size_t bytes, unsigned min_age) {
  const size_t freed = groups_.Evict(bytes, min_age, [this](char*) { ++evicted_; });
  // Their strings and lists are in the heap.
  if (heap_->arena.allocated() > compact_at_ / 4 && evicted_ > groups_.size()) CompactHeap();
  return freed;
}

}  // namespace millrace
