#include "executor/slice_aggregate.h"

#include <algorithm>

#include "executor/partial_aggregate.h"
#include "executor/windows.h"

namespace millrace {
namespace {

constexpr size_t kTimeKeyBytes = 9;  // A window column in a key: not null, 8 bytes.
constexpr size_t kEmitRows = 4096;

int64_t& Rows(char* group) { return *reinterpret_cast<int64_t*>(group + GroupTable::kPayload); }
int64_t Rows(const char* group) {
  return *reinterpret_cast<const int64_t*>(group + GroupTable::kPayload);
}

Column ConstantTime(TypeId type, int64_t micros, size_t size) {
  Column column(type, 1);
  column.mutable_data<int64_t>()[0] = micros;
  column.MakeConstant(size);
  return column;
}

}  // namespace

AssignWindows SliceAggregateOperator::Slices(AssignWindows windows) {
  windows.kind = AssignWindows::Kind::kTumble;
  windows.size = windows.slide;
  return windows;
}

SliceAggregateOperator::SliceAggregateOperator(SliceAggregateOptions options,
                                               PartitionContext* context)
    : options_(std::move(options)),
      context_(context),
      window_prefix_(kTimeKeyBytes * (1 + options_.plan.window_start.has_value())),
      slices_(LayOut(), options_.tracked),
      totals_(slices_.payload_size(), false) {
  assert(*options_.plan.window_end == 0);
  assert(!options_.plan.window_start || *options_.plan.window_start == 1);
}

size_t SliceAggregateOperator::LayOut() {
  size_t at = GroupTable::kPayload + sizeof(int64_t);  // Behind Rows().
  for (const AggregateCall& c : options_.plan.calls) {
    calls_.push_back({c.function.kernel, c.argument, c.filter, at});
    at += (c.function.kernel.state_size + 7) & ~size_t{7};
  }
  return at - GroupTable::kPayload;
}

int64_t SliceAggregateOperator::SliceEnd(const char* group) const {
  return TimeOfKey(slices_.key(group));
}

int64_t SliceAggregateOperator::BlockStart(int64_t slice_end) const {
  const AssignWindows& w = options_.windows;
  return FloorTo(slice_end - w.slide, w.size, w.offset);
}

int64_t SliceAggregateOperator::LastWindowEnd(int64_t slice_end) const {
  const AssignWindows& w = options_.windows;
  return (cumulates() ? BlockStart(slice_end) : slice_end - w.slide) + w.size;
}

int64_t SliceAggregateOperator::ClosedEnd(int64_t watermark) const {
  if (watermark == kMinWatermark || watermark == kMaxWatermark) return watermark;
  const AssignWindows& w = options_.windows;
  return FloorTo(watermark + kMicrosPerMilli - options_.plan.grace, w.slide, w.offset);
}

// A row is late where all its windows are closed, and shown with the last of them.
void SliceAggregateOperator::DropLateRows(const StepTime& time, Batch* batch) {
  const int64_t closed = ClosedEnd(time.before);
  const Column& slices = batch->columns[options_.plan.keys[0]];
  std::vector<uint32_t> late, good;
  for (uint32_t i = 0; i < batch->size; ++i) {
    (LastWindowEnd(slices.at<int64_t>(i)) <= closed ? late : good).push_back(i);
  }
  if (late.empty()) return;
  for (uint32_t i : late) {
    Batch row = batch->Take(std::span(&i, 1));
    const int64_t end = LastWindowEnd(slices.at<int64_t>(i));
    const auto set = [&](std::optional<size_t> c, int64_t micros) {
      if (c) row.columns[*c] = ConstantTime(row.columns[*c].type(), micros, 1);
    };
    set(options_.input_windows.start, end - options_.windows.size);
    set(options_.input_windows.end, end);
    set(options_.input_windows.time, end - kMicrosPerMilli);
    const int64_t window_time = end - kMicrosPerMilli;
    context_->late.push_back(LateRow("Aggregate", WindowEnded(window_time),
                                     RowToJson(row, options_.input, 0), batch->weight(i),
                                     window_time, time.before));
  }
  *batch = batch->Take(good);
}

void SliceAggregateOperator::Register(char* group) {
  for (const Call& call : calls_) call.kernel.init(group + call.offset);
  const uint64_t hash = HashBytes(OtherKeys(group));
  GroupTable::header(group).vnode = static_cast<uint8_t>(VnodeOf(hash));
  by_end_[SliceEnd(group)].push_back(group);
}

char* SliceAggregateOperator::TotalOf(const char* group) {
  const std::string_view key = OtherKeys(group);
  totals_.Reserve(1);
  bool created = false;
  char* total = totals_.FindOrInsert(key, HashBytes(key), &created);
  if (created) {
    for (const Call& call : calls_) call.kernel.init(total + call.offset);
  }
  return total;
}

void SliceAggregateOperator::Update(const Batch& batch, std::span<char* const> groups) {
  const int64_t* weights = batch.append_only() ? nullptr : batch.weights.data();
  for (size_t i = 0; i < groups.size(); ++i) Rows(groups[i]) += weights ? weights[i] : 1;
  std::vector<uint8_t> filter;
  for (Call& call : calls_) {
    if (call.filter) filter = RowsThatPass(batch.columns[*call.filter]);
    const Column* argument = call.argument ? &batch.columns[*call.argument] : nullptr;
    call.kernel.update(groups, call.offset, argument, weights,
                       call.filter ? filter.data() : nullptr, &heap_);
  }
}

// Rows of closed slices that later windows have, too.
void SliceAggregateOperator::UpdateTotals(const Batch& batch) {
  if (by_end_.empty() || by_end_.begin()->first > closed_) return;
  std::vector<uint32_t> behind;
  totals_of_rows_.clear();
  for (uint32_t i = 0; i < batch.size; ++i) {
    if (SliceEnd(rows_[i]) > closed_) continue;
    behind.push_back(i);
    totals_of_rows_.push_back(TotalOf(rows_[i]));
  }
  if (!behind.empty()) Update(batch.Take(behind), totals_of_rows_);
}

void SliceAggregateOperator::OnBatch(size_t, Batch batch, const StepTime& time, const Emit&) {
  if (!totals_made_) MakeTotals(time);
  if (time.before != kMinWatermark) DropLateRows(time, &batch);
  if (batch.size == 0) return;
  rows_.resize(batch.size);
  slices_.FindOrInsert(RowKeys(batch, options_.plan.keys), rows_,
                       [this](char* row, size_t) { Register(row); });
  for (char* row : rows_) slices_.BeforeChange(row);
  Update(batch, rows_);
  UpdateTotals(batch);
}

void SliceAggregateOperator::MergeSlice(std::span<char* const> groups) {
  std::vector<char*> into;
  for (char* group : groups) {
    into.push_back(TotalOf(group));
    Rows(into.back()) += Rows(group);
  }
  const std::vector<const char*> from(groups.begin(), groups.end());
  for (Call& call : calls_) call.kernel.merge(into, from, call.offset, &heap_);
}

// Takes a slice out of the totals.
void SliceAggregateOperator::DropSlice(int64_t slice_end) {
  const auto slice = by_end_.find(slice_end);
  if (slice == by_end_.end()) return;
  const std::vector<const char*> from(slice->second.begin(), slice->second.end());
  std::vector<char*> into;
  for (const char* group : from) {
    into.push_back(TotalOf(group));
    Rows(into.back()) -= Rows(group);
  }
  for (Call& call : calls_) {
    if (!cumulates()) call.kernel.subtract(into, from, call.offset);
  }
  for (char* total : into) {
    if (Rows(total) == 0) totals_.Erase(total);
  }
  for (char* group : slice->second) slices_.Erase(group);
  by_end_.erase(slice);
}

void SliceAggregateOperator::MakeTotals(const StepTime& time) {
  totals_made_ = true;
  closed_ = ClosedEnd(time.before);
  for (const auto& [end, groups] : by_end_) {
    if (end <= closed_) MergeSlice(groups);
  }
}

// The next window with rows.
std::optional<int64_t> SliceAggregateOperator::NextWindowEnd() const {
  if (totals_.size() > 0) return closed_ + options_.windows.slide;
  const auto slice = by_end_.upper_bound(closed_);
  if (slice == by_end_.end()) return std::nullopt;
  return slice->first;
}

void SliceAggregateOperator::CloseWindow(int64_t end, const Emit& emit) {
  if (const auto slice = by_end_.find(end); slice != by_end_.end()) MergeSlice(slice->second);
  closed_ = end;
  std::vector<const char*> totals;
  totals_.ForEach([&](const char* total) { totals.push_back(total); });
  for (size_t at = 0; at < totals.size(); at += kEmitRows) {
    EmitWindow(end, std::span(totals).subspan(at, std::min(kEmitRows, totals.size() - at)), emit);
  }
  const AssignWindows& w = options_.windows;
  if (!cumulates()) return DropSlice(end + w.slide - w.size);
  if (LastWindowEnd(end) != end) return;
  for (int64_t slice = end - w.size + w.slide; slice <= end; slice += w.slide) DropSlice(slice);
}

void SliceAggregateOperator::EmitWindow(int64_t end, std::span<const char* const> totals,
                                        const Emit& emit) {
  Batch out;
  out.size = totals.size();
  const int64_t start = cumulates() ? BlockStart(end) : end - options_.windows.size;
  out.columns.push_back(ConstantTime(options_.output[0].type.id, end, out.size));
  if (options_.plan.window_start) {
    out.columns.push_back(ConstantTime(options_.output[1].type.id, start, out.size));
  }
  auto heap = std::make_shared<Arena>();
  const size_t first = out.columns.size(), keys = options_.plan.keys.size();
  for (size_t c = first; c < keys; ++c) {
    out.columns.push_back(MakeColumn(options_.output[c].type, out.size));
    out.columns.back().KeepAlive(heap);
  }
  for (size_t i = 0; i < totals.size(); ++i) {
    std::string_view key = totals_.key(totals[i]);
    for (size_t c = first; c < keys; ++c) DecodeKeyColumn(&key, &out.columns[c], i, heap.get());
  }
  RowErrors errors;
  for (Call& call : calls_) {
    out.columns.push_back(call.kernel.evaluate(totals, call.offset, &errors));
  }
  DropFailedRows(errors, "Aggregate", options_.output, context_, &out);
  if (out.size > 0) emit(std::move(out));
}

void SliceAggregateOperator::OnStep(const StepTime& time, const Emit& emit) {
  if (!totals_made_) MakeTotals(time);
  const int64_t closed = ClosedEnd(time.watermark);
  while (const std::optional<int64_t> end = NextWindowEnd()) {
    if (*end > closed) break;
    CloseWindow(*end, emit);
  }
  // Windows without rows are closed as well: a late row does not open them again.
  if (closed != kMaxWatermark) closed_ = std::max(closed_, closed);
}

void SliceAggregateOperator::BeginCheckpoint(StateWriter* writer) {
  slices_.BeginCheckpoint(options_.id, writer, [this](const char* group, std::string* value) {
    value->append(group + GroupTable::kPayload, slices_.payload_size());
  });
}

void SliceAggregateOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  store.Scan(options_.id, partition, partitions,
             [&](uint32_t vnode, std::string_view key, std::string_view value) {
               slices_.Reserve(1);
               bool created = false;
               char* group = slices_.FindOrInsert(key, HashBytes(key), &created);
               Register(group);
               assert(value.size() == slices_.payload_size());
               std::memcpy(group + GroupTable::kPayload, value.data(), value.size());
               GroupTable::header(group).vnode = static_cast<uint8_t>(vnode);
               GroupTable::MarkRestored(group);
             });
  totals_made_ = false;
}

}  // namespace millrace
