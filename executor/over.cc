#include "executor/over.h"

#include <algorithm>
#include <cstring>

#include "executor/windows.h"

namespace millrace {
namespace {

constexpr size_t kChunkRows = 2048;  // Evaluated at once.
constexpr size_t kEmitRows = 4096;

// The last instant of the window whose end the partition's key begins with.
int64_t WindowTime(const OrderedPartition& partition, const std::string& zone) {
  return LastInstantBefore(TimeOfKey(partition.key()), zone);
}

struct Result {
  std::string_view bytes;  // Or the message.
  bool failed;
  friend bool operator==(const Result&, const Result&) = default;
};

void AppendResult(const Result& result, std::string* out) {
  const auto size = static_cast<uint32_t>(result.bytes.size());
  const uint32_t head = result.failed ? ~size : size;
  out->append(reinterpret_cast<const char*>(&head), sizeof head);
  out->append(result.bytes);
}

// Sizes are below 2^31, so the first bit tells a failure.
Result TakeResult(std::string_view* in) {
  uint32_t head;
  std::memcpy(&head, in->data(), sizeof head);
  const bool failed = head >> 31 != 0;
  const uint32_t size = failed ? ~head : head;
  const Result result{in->substr(sizeof head, size), failed};
  in->remove_prefix(sizeof head + size);
  return result;
}

}  // namespace

std::vector<OrderColumn> OrderOf(const Over& plan) {
  std::vector<OrderColumn> order;
  for (const SortKey& key : plan.order) {
    order.push_back({key.column, key.descending, key.nulls_first});
  }
  for (size_t column : plan.arrival) order.push_back({column, plan.order[0].descending});
  return order;
}

void OverOutput::Add(std::string_view key, std::string_view result, int64_t weight,
                     const Emit& emit) {
  keys_.push_back(bytes_.Copy(key));
  results_.push_back(bytes_.Copy(result));
  weights_.push_back(weight);
  if (keys_.size() >= kEmitRows) Flush(emit);
}

void OverOutput::AddFailed(std::string_view key, std::string_view message, int64_t weight) {
  failed_.push_back(bytes_.Copy(key));
  messages_.push_back(bytes_.Copy(message));
  failed_weights_.push_back(weight);
}

void OverOutput::Flush(const Emit& emit) {
  if (!failed_.empty()) {
    Batch rows = layout_.Decode(failed_);
    rows.weights = std::move(failed_weights_);
    RowErrors errors;
    for (uint32_t i = 0; i < rows.size; ++i) errors.push_back({i, std::string(messages_[i])});
    DropFailedRows(errors, "Over", options_.input, context_, &rows);
  }
  if (!keys_.empty()) {
    Batch out = layout_.Decode(keys_);
    auto heap = std::make_shared<Arena>();
    const size_t first = out.columns.size();
    for (size_t c = first; c < options_.output.size(); ++c) {
      out.columns.push_back(MakeColumn(options_.output[c].type, out.size));
      out.columns.back().KeepAlive(heap);
    }
    for (size_t i = 0; i < out.size; ++i) {
      std::string_view bytes = results_[i];
      for (size_t c = first; c < out.columns.size(); ++c) {
        DecodeKeyColumn(&bytes, &out.columns[c], i, heap.get());
      }
    }
    const bool append_only = std::ranges::all_of(weights_, [](int64_t w) { return w == 1; });
    if (!append_only) out.weights = std::move(weights_);
    emit(std::move(out));
  }
  keys_.clear();
  results_.clear();
  weights_.clear();
  failed_.clear();
  messages_.clear();
  failed_weights_.clear();
  bytes_.Clear();
}

OverOperator::OverOperator(OverOptions options, PartitionContext* context)
    : options_(std::move(options)),
      context_(context),
      layout_(options_.input, options_.plan.partition, OrderOf(options_.plan), options_.unrouted),
      table_({.copies = true, .payload_size = sizeof(Stored), .tracked = options_.tracked}),
      functions_(options_.plan.calls),
      output_(&options_, &layout_, context) {
  assert(!options_.plan.window_end || *options_.plan.window_end == 0);
  table_.SetCodec(
      {.encode =
           [](const char* payload, std::string* value) {
             value->append(reinterpret_cast<const Stored*>(payload)->view());
           },
       .decode =
           [this](std::string_view value, char* payload) {
             Stored& stored = *reinterpret_cast<Stored*>(payload);
             stored = {};
             if (value.empty()) return;
             stored = {results_.Allocate(value.size()), static_cast<uint32_t>(value.size())};
             std::memcpy(stored.bytes, value.data(), value.size());
           }});
}

void OverOperator::DropLate(const StepTime& time, Batch* batch) const {
  const Over& plan = options_.plan;
  const LateRule rule{.op = "Over",
                      .column = plan.partition[*plan.window_end],
                      .after = SaturatingAdd(plan.grace, plan.allowed_lateness),
                      .reported = plan.decides_late,
                      .zone = options_.zone};
  DropLateRows(rule, options_.input, time, context_, batch);
}

int64_t OverOperator::NextTimer() const {
  return NextCloseOf(options_.plan, windows_, passed_);
}

void OverOperator::OnBatch(size_t, Batch batch, const StepTime& time, const Emit&) {
  if (options_.plan.window_end) DropLate(time, &batch);
  if (batch.size == 0) return;
  table_.Add(layout_.Encode(batch), batch.append_only() ? nullptr : batch.weights.data());
}

void OverOperator::OnStep(const StepTime& time, const Emit& emit) {
  for (const OrderedTable::PartitionChanges& changes : table_.Settle()) {
    if (options_.plan.window_end) Register(changes.partition);
    if (IsVisible(*changes.partition, time)) Settle(changes, emit);
  }
  if (options_.plan.window_end) CloseWindows(time, emit);
  output_.Flush(emit);
  table_.Finish();
  if (functions_.IsCrowded()) {
    table_.ForEachPartition([](OrderedPartition* partition) { OverFunctions::Forget(partition); });
    functions_.ForgetAll();
  }
}

std::vector<ChangedRows> OverOperator::Locate(const OrderedTable::PartitionChanges& changes) const {
  std::vector<ChangedRows> located;
  for (const OrderedTable::Change& change : changes.rows) {
    const size_t begin = changes.partition->LowerBound(table_.Key(change.row));
    located.push_back({change.row, begin, begin + static_cast<size_t>(change.after)});
  }
  return located;
}

// The rows whose results may be others, as ranges in order that do not touch.
OverOperator::Ranges OverOperator::Affected(const OverRows& rows, OrderedPartition* partition,
                                            const OrderedTable::PartitionChanges& changes,
                                            const std::vector<ChangedRows>& located) {
  const size_t size = partition->size();
  const size_t settled =
      functions_.Refresh(rows, partition, located.front().begin, located.back().end);
  if (functions_.alters_all() || UniformChanged(rows, changes)) return {{0, size}};
  Ranges ranges;
  for (const ChangedRows& change : located) {
    const auto [begin, end] = functions_.Reach(rows, change);
    if (!ranges.empty() && begin <= ranges.back().second) {
      ranges.back().first = std::min(ranges.back().first, begin);
      ranges.back().second = std::max(ranges.back().second, end);
    } else {
      ranges.emplace_back(begin, end);
    }
  }
  if (functions_.runs() || functions_.numbers()) {
    // All rows between the first and the last change, and perhaps those behind.
    size_t end = 0;
    for (const auto& range : ranges) end = std::max(end, range.second);
    ranges = {{ranges.front().first, end}};
    int64_t moved = 0;
    for (const OrderedTable::Change& change : changes.rows) moved += change.after - change.before;
    if (functions_.runs()) ranges[0].second = std::max(end, settled);
    if (functions_.numbers() && moved != 0) ranges[0].second = size;
  }
  return ranges;
}

// Whether the calls that give all rows the same give something else than before: looks at a row
// that was there before and has not changed.
bool OverOperator::UniformChanged(const OverRows& rows,
                                  const OrderedTable::PartitionChanges& changes) {
  if (functions_.uniform().empty()) return false;
  size_t position = 0;
  for (const OrderedTable::Change& change : changes.rows) {
    if (change.after == 0) continue;
    if (position >= rows.size() || rows.partition->At(position) != change.row) break;
    position += static_cast<size_t>(change.after);
  }
  if (position >= rows.size()) return true;
  const char* const row = rows.partition->At(position);
  RowErrors errors;
  const Batch now = functions_.Evaluate(rows, position, position + 1, &errors);
  std::string_view stored = StoredOf(row).view();
  const Result old = TakeResult(&stored);
  if (old.failed || !errors.empty()) return true;
  Arena heap;
  std::string_view bytes = old.bytes;
  std::string was, is;
  for (size_t c = 0, u = 0; c < now.columns.size(); ++c) {
    Column column = MakeColumn(options_.output[layout_.schema().size() + c].type, 1);
    DecodeKeyColumn(&bytes, &column, 0, &heap);
    if (u == functions_.uniform().size() || functions_.uniform()[u] != c) continue;
    ++u;
    AppendKeyColumn(column, 0, &was);
    AppendKeyColumn(now.columns[c], 0, &is);
  }
  return was != is;
}

void OverOperator::Settle(const OrderedTable::PartitionChanges& changes, const Emit& emit) {
  for (const OrderedTable::Change& change : changes.rows) {
    if (change.after == 0) Retract(change.row, emit);
  }
  OrderedPartition* const partition = changes.partition;
  if (partition->empty()) return;
  const OverRows rows = RowsOf(partition);
  for (const auto& [begin, end] : Affected(rows, partition, changes, Locate(changes))) {
    Evaluate(partition, begin, end, emit);
  }
}

void OverOperator::Evaluate(OrderedPartition* partition, size_t begin, size_t end,
                            const Emit& emit) {
  const size_t size = partition->size();
  // All copies of a row go together.
  if (begin < size) begin = partition->LowerBound(table_.Key(partition->At(begin)));
  while (begin < end) {
    size_t to = std::min(end, begin + kChunkRows);
    if (to < size && partition->At(to) == partition->At(to - 1)) {
      to = partition->UpperBound(table_.Key(partition->At(to)));
    }
    EvaluateChunk(partition, begin, to, emit);
    begin = to;
  }
}

void OverOperator::EvaluateChunk(OrderedPartition* partition, size_t begin, size_t end,
                                 const Emit& emit) {
  RowErrors errors;
  const Batch results = functions_.Evaluate(RowsOf(partition), begin, end, &errors);
  std::vector<const std::string*> failed(results.size);
  for (const RowError& error : errors) {
    if (failed[error.row] == nullptr) failed[error.row] = &error.message;
  }
  std::vector<size_t> columns(results.columns.size());
  for (size_t c = 0; c < columns.size(); ++c) columns[c] = c;
  const RowKeys bytes(results, columns);
  std::vector<char*> rows;
  partition->Copy(begin, end, &rows);
  for (size_t i = 0; i < rows.size();) {
    now_.clear();
    char* const row = rows[i];
    for (; i < rows.size() && rows[i] == row; ++i) {
      AppendResult({failed[i] ? std::string_view(*failed[i]) : bytes[i], failed[i] != nullptr},
                   &now_);
    }
    Replace(row, emit);
  }
}

void OverOperator::Replace(char* row, const Emit& emit) {
  const std::string_view before = StoredOf(row).view();
  if (before == now_) return;
  const std::string_view key = table_.Key(row);
  std::string_view old = before, now = now_;
  auto add = [&](const Result& result, int64_t weight) {
    if (result.failed) return output_.AddFailed(key, result.bytes, weight);
    output_.Add(key, result.bytes, weight, emit);
  };
  while (!old.empty() || !now.empty()) {
    std::optional<Result> was, is;
    if (!old.empty()) was = TakeResult(&old);
    if (!now.empty()) is = TakeResult(&now);
    if (was == is) continue;
    if (was) add(*was, -1);
    if (is) add(*is, +1);
  }
  Keep(row, now_);
}

void OverOperator::Retract(char* row, const Emit& emit) {
  now_.clear();
  Replace(row, emit);
}

void OverOperator::Keep(char* row, std::string_view results) {
  table_.BeforeChange(row);
  Stored& stored = StoredOf(row);
  if (stored.bytes == nullptr || !BlockHeap::SameSize(stored.size, results.size())) {
    if (stored.bytes != nullptr) results_.Free(stored.bytes, stored.size);
    stored.bytes = results.empty() ? nullptr : results_.Allocate(results.size());
  }
  stored.size = static_cast<uint32_t>(results.size());
  if (!results.empty()) std::memcpy(stored.bytes, results.data(), results.size());
}

bool OverOperator::IsVisible(const OrderedPartition& partition, const StepTime& time) const {
  return !options_.plan.emit_on_close ||
         CloseTimeOf(options_.plan, WindowTime(partition, options_.zone)) <= time.before;
}

void OverOperator::Register(OrderedPartition* partition) {
  if (std::exchange(partition->tag, 1) != 0) return;
  windows_[WindowTime(*partition, options_.zone)].emplace_back(partition->key());
}

void OverOperator::CloseWindows(const StepTime& time, const Emit& emit) {
  passed_ = time.watermark;
  for (auto it = windows_.begin(); it != windows_.end();) {
    if (CloseTimeOf(options_.plan, it->first) > time.watermark) break;
    const bool drops = DropTimeOf(options_.plan, it->first) <= time.watermark;
    for (const std::string& key : it->second) {
      OrderedPartition* partition = table_.FindPartition(key);
      if (partition == nullptr || partition->empty()) continue;
      // A window that was closed before the step began has been given then.
      if (!IsVisible(*partition, time)) {
        const OverRows rows = RowsOf(partition);
        functions_.Refresh(rows, partition, 0, partition->size());
        Evaluate(partition, 0, partition->size(), emit);
      }
      if (drops) DropPartition(partition);
    }
    it = drops ? windows_.erase(it) : std::next(it);
  }
}

void OverOperator::DropPartition(OrderedPartition* partition) {
  const char* last = nullptr;
  for (const OrderedPartition::Leaf& leaf : partition->leaves()) {
    for (char* row : leaf.rows) {
      if (row != std::exchange(last, row)) Keep(row, {});
    }
  }
  table_.DropAll(partition);
}

void OverOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  table_.Restore(options_.id, store, partition, partitions);
  if (!options_.plan.window_end) return;
  table_.ForEachPartition([this](OrderedPartition* made) { Register(made); });
}

size_t OverOperator::state_bytes() const {
  return table_.bytes() + results_.allocated() + functions_.heap_bytes();
}

}  // namespace millrace
