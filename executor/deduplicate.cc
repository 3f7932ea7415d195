#include "executor/deduplicate.h"

#include <algorithm>
#include <cmath>

#include "executor/order_columns.h"
#include "executor/windows.h"

namespace millrace {
namespace {

constexpr size_t kAhead = 16;  // Rows prefetched.

// Cells of flat or constant columns, neither NULL, as their encodings compare.
template <class T>
int CompareFixed(const Column& a, size_t i, const Column& b, size_t j) {
  const T x = a.at<T>(i), y = b.at<T>(j);
  if constexpr (std::is_floating_point_v<T>) {
    // NaN is the greatest.
    if (std::isnan(x) || std::isnan(y)) return std::isnan(x) - std::isnan(y);
  }
  return x < y ? -1 : y < x;
}

int CompareText(const Column& a, size_t i, const Column& b, size_t j) {
  return a.at<StringRef>(i).view().compare(b.at<StringRef>(j).view());
}

int CompareEncoded(const Column& a, size_t i, const Column& b, size_t j) {
  std::string x, y;
  AppendKeyColumn(a, i, &x);
  AppendKeyColumn(b, j, &y);
  return x.compare(y);
}

auto ComparisonOf(TypeId type) -> int (*)(const Column&, size_t, const Column&, size_t) {
  switch (type) {
    case TypeId::kBoolean:
      return CompareFixed<bool>;
    case TypeId::kTinyInt:
      return CompareFixed<int8_t>;
    case TypeId::kSmallInt:
      return CompareFixed<int16_t>;
    case TypeId::kInteger:
    case TypeId::kDate:
      return CompareFixed<int32_t>;
    case TypeId::kFloat:
      return CompareFixed<float>;
    case TypeId::kDouble:
      return CompareFixed<double>;
    case TypeId::kDecimal:
      return CompareFixed<int128_t>;
    case TypeId::kString:
    case TypeId::kBytes:
      return CompareText;
    default:
      return WidthOf(type) == 8 && type < TypeId::kArray ? CompareFixed<int64_t> : CompareEncoded;
  }
}

}  // namespace

DeduplicateOperator::DeduplicateOperator(DeduplicateOptions options, PartitionContext* context)
    : options_(std::move(options)),
      context_(context),
      layout_(options_.input, options_.plan.partition, OrderColumns(options_.plan.order)),
      groups_(sizeof(Group), options_.tracked),
      expiry_(options_.plan.state_ttl) {
  std::vector<bool> placed(options_.input.size());
  const auto add = [&](const OrderColumn& o) {
    if (placed[o.column]) return;
    placed[o.column] = true;
    const TypeId type = options_.input[o.column].type.id;
    compared_.push_back({o.column, ComparisonOf(type), o.descending, o.nulls_first});
  };
  for (size_t column : options_.plan.partition) placed[column] = true;
  for (const OrderColumn& o : layout_.order()) add(o);
  for (size_t column = 0; column < placed.size(); ++column) add({column});
}

// By event time: rows without a time are errors, and the watermark has passed late ones.
void DeduplicateOperator::DropBadTimes(const StepTime& time, Batch* batch) {
  const size_t column = options_.plan.order[0].column;
  if (batch->columns[column].may_have_nulls()) {
    RowErrors errors;
    for (uint32_t i = 0; i < batch->size; ++i) {
      if (batch->columns[column].IsNull(i)) errors.push_back({i, "the event time is NULL"});
    }
    DropFailedRows(errors, "Deduplicate", options_.input, context_, batch);
  }
  if (!options_.plan.decides_late) return;
  const LateRule rule{.op = "Deduplicate",
                      .by = LateRule::By::kRowTime,
                      .column = column,
                      .after = options_.plan.grace,
                      .reported = true};
  DropLateRows(rule, options_.input, time, context_, batch);
}

// Whether row i of the last batch goes before the group's row.
bool DeduplicateOperator::IsBetter(const Batch& batch, size_t i, const Group& group) {
  if (group.given) return false;
  if (group.batch == 0) {
    const bool replaces = group.row == nullptr || options_.kind == Deduplication::kLastArrival;
    return replaces || IsBetterThanKept(batch, i, group);
  }
  const Batch& other = batches_[group.batch - 1];
  const size_t j = group.batch_row;
  for (const ComparedColumn& c : compared_) {
    const Column &a = batch.columns[c.column], &b = other.columns[c.column];
    const bool a_null = a.IsNull(i), b_null = b.IsNull(j);
    if (a_null && b_null) continue;
    if (a_null || b_null) return a_null == c.nulls_first;
    if (const int order = c.compare(a, i, b, j)) return (order < 0) != c.descending;
  }
  return false;
}

bool DeduplicateOperator::IsBetterThanKept(const Batch& batch, size_t i, const Group& group) {
  bytes_.clear();
  for (size_t o = 0; o < layout_.order().size(); ++o) {
    layout_.AppendOrder(o, batch.columns[layout_.order()[o].column], i, &bytes_);
  }
  const std::string_view kept = RowOf(group);
  if (const int order = bytes_.compare(kept.substr(0, bytes_.size()))) return order < 0;
  const OrderedKeys keys = layout_.Encode(batch.Slice(i, 1));
  return keys[0].substr(keys.ends(0).partition) < kept;
}

void DeduplicateOperator::Drop(char* group_row) {
  const Group& group = GroupOf(group_row);
  if (group.row != nullptr) pieces_.Free(group.row, group.size);
  groups_.Erase(group_row);
}

void DeduplicateOperator::Expire() {
  expiry_.Run(
      context_->eval.now.micros, [](char* group) { return GroupOf(group).changed_at; },
      [this](char* group) {
        // It waits for the watermark.
        if (GroupOf(group).timers > 0) return false;
        Drop(group);
        ++context_->expired_rows;
        return true;
      });
}

void DeduplicateOperator::OnBatch(size_t, Batch batch, const StepTime& time, const Emit&) {
  Expire();
  if (in_time()) DropBadTimes(time, &batch);
  if (batch.size == 0) return;
  batches_.push_back(std::move(batch));
  const Batch& rows = batches_.back();
  group_rows_.resize(rows.size);
  groups_.FindOrInsert(RowKeys(rows, options_.plan.partition), group_rows_,
                       [this](char* group, size_t) {
                         GroupOf(group).changed_at = context_->eval.now.micros;
                         expiry_.Watch(group, GroupOf(group).changed_at);
                       });
  for (uint32_t i = 0; i < rows.size; ++i) {
    if (i + kAhead < rows.size) __builtin_prefetch(GroupOf(group_rows_[i + kAhead]).row);
    Group& group = GroupOf(group_rows_[i]);
    if (!IsBetter(rows, i, group)) continue;
    if (group.batch == 0) touched_.push_back(group_rows_[i]);
    group.batch = static_cast<uint32_t>(batches_.size());
    group.batch_row = i;
  }
}

void DeduplicateOperator::Keep(char* group_row, std::string_view row) {
  Group& group = GroupOf(group_row);
  if (group.row != nullptr) pieces_.Free(group.row, group.size);
  group.row = pieces_.Allocate(row.size());
  group.size = static_cast<uint32_t>(row.size());
  std::memcpy(group.row, row.data(), row.size());
  if (in_time()) {
    ++group.timers;
    timers_.push_back({TimeOfKey(row), group_row});
    std::push_heap(timers_.begin(), timers_.end());
  }
}

void DeduplicateOperator::EmitKept(std::span<const std::string_view> keys, int64_t weight,
                                   const Emit& emit) const {
  if (keys.empty()) return;
  Batch batch = layout_.Decode(keys);
  if (weight != 1) batch.weights.assign(batch.size, weight);
  emit(std::move(batch));
}

// The row of the group as a whole.
std::string_view DeduplicateOperator::KeptKey(const char* group, Arena* heap) const {
  const std::string_view key = groups_.key(group), row = RowOf(GroupOf(group));
  char* whole = heap->Allocate(key.size() + row.size());
  if (!key.empty()) std::memcpy(whole, key.data(), key.size());
  std::memcpy(whole + key.size(), row.data(), row.size());
  return {whole, key.size() + row.size()};
}

// The groups' rows become the best ones of the step, which lie in one batch.
void DeduplicateOperator::Settle(const Batch& batch, std::span<char* const> groups,
                                 const Emit& emit) {
  std::vector<uint32_t> rows;
  for (char* group : groups) {
    groups_.BeforeChange(group);
    GroupOf(group).changed_at = context_->eval.now.micros;
    rows.push_back(GroupOf(group).batch_row);
    GroupOf(group).batch = 0;
  }
  Batch best = batch.Take(rows);
  best.weights.clear();
  if (options_.kind == Deduplication::kFirstArrival) {
    for (char* group : groups) GroupOf(group).given = true;
    return emit(std::move(best));
  }
  const OrderedKeys keys = layout_.Encode(best);
  Arena heap;
  std::vector<std::string_view> replaced;
  for (size_t i = 0; i < groups.size(); ++i) {
    if (i + kAhead < groups.size()) __builtin_prefetch(GroupOf(groups[i + kAhead]).row);
    const bool retracts = !options_.upsert && !in_time() && GroupOf(groups[i]).row != nullptr;
    if (retracts) replaced.push_back(KeptKey(groups[i], &heap));
    Keep(groups[i], keys[i].substr(keys.ends(i).partition));
  }
  if (in_time()) return;
  EmitKept(replaced, -1, emit);
  emit(std::move(best));
}

void DeduplicateOperator::GiveInTime(const StepTime& time, const Emit& emit) {
  Arena heap;
  std::vector<std::string_view> keys;
  const int64_t grace = options_.plan.grace;
  while (!timers_.empty() && SaturatingAdd(timers_.front().time, grace) <= time.watermark) {
    const auto [due, group_row] = timers_.front();
    std::pop_heap(timers_.begin(), timers_.end());
    timers_.pop_back();
    Group& group = GroupOf(group_row);
    --group.timers;
    if (group.given || TimeOfKey(RowOf(group)) != due) continue;
    keys.push_back(KeptKey(group_row, &heap));
    groups_.BeforeChange(group_row);
    pieces_.Free(group.row, group.size);
    group.row = nullptr;
    group.size = 0;
    group.given = true;
    group.changed_at = context_->eval.now.micros;
  }
  EmitKept(keys, 1, emit);
}

void DeduplicateOperator::OnStep(const StepTime& time, const Emit& emit) {
  Expire();
  std::vector<std::vector<char*>> groups(batches_.size());
  for (char* group : touched_) groups[GroupOf(group).batch - 1].push_back(group);
  touched_.clear();
  for (size_t b = 0; b < batches_.size(); ++b) {
    if (!groups[b].empty()) Settle(batches_[b], groups[b], emit);
  }
  batches_.clear();
  if (in_time()) GiveInTime(time, emit);
}

void DeduplicateOperator::BeginCheckpoint(StateWriter* writer) {
  groups_.BeginCheckpoint(options_.id, writer, [this](const char* row, std::string* value) {
    const Group& group = GroupOf(row);
    if (expiry_.enabled()) {
      value->append(reinterpret_cast<const char*>(&group.changed_at), sizeof group.changed_at);
    }
    if (in_time()) value->push_back(static_cast<char>(group.given));
    value->append(RowOf(group));
  });
}

void DeduplicateOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  store.Scan(options_.id, partition, partitions,
             [&](uint32_t vnode, std::string_view key, std::string_view value) {
               groups_.Reserve(1);
               bool created = false;
               char* row = groups_.FindOrInsert(key, HashBytes(key), &created);
               GroupTable::header(row).vnode = static_cast<uint8_t>(vnode);
               GroupTable::MarkRestored(row);
               Group& group = GroupOf(row);
               if (expiry_.enabled()) {
                 std::memcpy(&group.changed_at, value.data(), sizeof group.changed_at);
                 value.remove_prefix(sizeof group.changed_at);
                 expiry_.Watch(row, group.changed_at);
               }
               group.given = options_.kind == Deduplication::kFirstArrival;
               if (in_time()) {
                 group.given = value.front() != 0;
                 value.remove_prefix(1);
               }
               if (!group.given) Keep(row, value);
             });
}

}  // namespace millrace
