#include "executor/partial_aggregate.h"

#include <algorithm>
#include <bit>

#include "executor/windows.h"
#include "state/group_table.h"
#include "types/row_key.h"

namespace millrace {
namespace {

constexpr size_t kLeastRows = 4;     // Of a batch worth the trial.
constexpr size_t kRowsPerGroup = 2;  // From here on it pays.
constexpr size_t kMostSkipped = 64;  // Batches between two trials.

}  // namespace

std::vector<size_t> StateOffsets(const std::vector<AggregateCall>& calls) {
  std::vector<size_t> offsets = {GroupTable::kPayload + sizeof(int64_t)};
  for (const AggregateCall& call : calls) {
    offsets.push_back(offsets.back() + ((call.function.kernel.state_size + 7) & ~size_t{7}));
  }
  return offsets;
}

std::vector<uint8_t> RowsThatPass(const Column& keep) {
  std::vector<uint8_t> passes(keep.size());
  for (size_t i = 0; i < keep.size(); ++i) passes[i] = !keep.IsNull(i) && keep.at<bool>(i);
  return passes;
}

PartialAggregate::PartialAggregate(Aggregate plan, const Schema& input)
    : plan_(std::move(plan)),
      input_(input),
      offsets_(StateOffsets(plan_.calls)),
      row_size_(offsets_.back()) {}

bool PartialAggregate::AnyLate(const Batch& batch, const StepTime& time) const {
  if (!plan_.window_end || !plan_.decides_late || time.before == kMinWatermark) return false;
  const size_t column = plan_.keys[*plan_.window_end];
  const Column& keys = batch.columns[column];
  const int64_t to_time = input_[column].type.id == TypeId::kTimestampLtz ? 0 : kMicrosPerMilli;
  for (size_t i = 0; i < batch.size; ++i) {
    if (DropTimeOf(plan_, keys.at<int64_t>(i) - to_time) <= time.before) return true;
  }
  return false;
}

// False as soon as there are too many groups.
bool PartialAggregate::FindGroups(const Batch& batch) {
  const RowKeys keys(batch, plan_.keys);
  const size_t most = batch.size / kRowsPerGroup;
  slots_.assign(std::bit_ceil(2 * most), 0);
  firsts_.clear();
  groups_.resize(batch.size);
  for (uint32_t i = 0; i < batch.size; ++i) {
    size_t slot = keys.hash(i) & (slots_.size() - 1);
    for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
      const uint32_t first = firsts_[slots_[slot] - 1];
      if (keys.hash(first) == keys.hash(i) && keys[first] == keys[i]) break;
    }
    if (slots_[slot] == 0) {
      if (firsts_.size() == most) return false;
      firsts_.push_back(i);
      slots_[slot] = static_cast<uint32_t>(firsts_.size());
    }
    groups_[i] = slots_[slot] - 1;
  }
  return true;
}

// The states, with the batch's rows as they are in rows_.
void PartialAggregate::Update(const Batch& batch) {
  const int64_t* weights = batch.append_only() ? nullptr : batch.weights.data();
  for (size_t i = 0; i < batch.size; ++i) {
    *reinterpret_cast<int64_t*>(rows_[i] + GroupTable::kPayload) += weights ? weights[i] : 1;
  }
  for (size_t c = 0; c < plan_.calls.size(); ++c) {
    const AggregateCall& call = plan_.calls[c];
    std::vector<uint8_t> passes;
    if (call.filter) passes = RowsThatPass(batch.columns[*call.filter]);
    const Column* argument = call.argument ? &batch.columns[*call.argument] : nullptr;
    call.function.kernel.update(rows_, offsets_[c], argument, weights,
                                call.filter ? passes.data() : nullptr, &heap_);
  }
}

Batch PartialAggregate::Combine(Batch batch, const StepTime& time) {
  if (batch.size < kLeastRows) return batch;
  if (skip_ > 0) {
    --skip_;
    return batch;
  }
  if (AnyLate(batch, time)) return batch;
  if (!FindGroups(batch)) {
    skip_ = backoff_;
    backoff_ = std::min(2 * backoff_, kMostSkipped);
    return batch;
  }
  backoff_ = 1;
  auto arena = std::make_shared<Arena>();
  char* states = arena->Allocate(firsts_.size() * row_size_);
  std::memset(states, 0, firsts_.size() * row_size_);
  Column column(TypeId::kString, firsts_.size());
  for (size_t g = 0; g < firsts_.size(); ++g) {
    char* row = states + g * row_size_;
    for (size_t c = 0; c < plan_.calls.size(); ++c) {
      plan_.calls[c].function.kernel.init(row + offsets_[c]);
    }
    column.mutable_data<StringRef>()[g] = StringRef(std::string_view(row, row_size_));
  }
  column.KeepAlive(arena);
  rows_.resize(batch.size);
  for (size_t i = 0; i < batch.size; ++i) rows_[i] = states + groups_[i] * row_size_;
  Update(batch);
  Batch out;
  out.size = firsts_.size();
  for (size_t c = 0; c < batch.columns.size(); ++c) {
    const bool is_key = std::ranges::find(plan_.keys, c) != plan_.keys.end();
    out.columns.push_back(is_key ? batch.columns[c].Take(firsts_)
                                 : Column::ConstantNull(TypeId::kBoolean, out.size));
  }
  out.columns.push_back(std::move(column));
  combined_rows_ += batch.size - out.size;
  return out;
}

}  // namespace millrace
