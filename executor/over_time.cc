#include "executor/over_time.h"

#include <algorithm>
#include <cstring>

#include "executor/order_columns.h"
#include "executor/windows.h"

namespace millrace {
namespace {

constexpr size_t kChunkRows = 2048;
constexpr size_t kTimeBytes = 9;  // A time in a key: not null, 8 bytes.
constexpr int64_t kNotDue = kMaxWatermark;

OrderedLayout LayoutOf(const OverOptions& options) {
  Schema schema = options.input;
  std::vector<OrderColumn> order;
  if (options.plan.proctime) order = AddStepColumns(options.plan.order[0].column, &schema);
  for (const OrderColumn& column : OrderOf(options.plan)) order.push_back(column);
  return OrderedLayout(std::move(schema), options.plan.partition, std::move(order),
                       options.unrouted);
}

}  // namespace

OverTimeOperator::OverTimeOperator(OverOptions options, PartitionContext* context)
    : options_(std::move(options)),
      context_(context),
      layout_(LayoutOf(options_)),
      table_({.copies = true, .payload_size = 0, .tracked = options_.tracked}),
      functions_(options_.plan.calls),
      carries_(sizeof(OverCarry*), options_.tracked) {}

OverTimeOperator::~OverTimeOperator() {
  carries_.ForEach([](char* row) { delete CarryAt(row); });
}

void OverTimeOperator::DropNullTimes(Batch* batch) const {
  const Column& times = batch->columns[time_column()];
  if (!times.may_have_nulls()) return;
  RowErrors errors;
  for (uint32_t i = 0; i < batch->size; ++i) {
    if (times.IsNull(i)) errors.push_back({i, "the event time is NULL: the row has no place"});
  }
  DropFailedRows(errors, "Over", options_.input, context_, batch);
}

int64_t OverTimeOperator::GivenUpTo(int64_t watermark) const {
  if (watermark == kMaxWatermark) return watermark;
  return watermark < kMinWatermark + options_.plan.grace ? kMinWatermark
                                                         : watermark - options_.plan.grace;
}

void OverTimeOperator::DropLate(const StepTime& time, Batch* batch) const {
  const LateRule rule{.op = "Over",
                      .by = LateRule::By::kRowTime,
                      .column = time_column(),
                      .after = options_.plan.grace,
                      .reported = true};
  DropLateRows(rule, options_.input, time, context_, batch);
}

void OverTimeOperator::AppendArrival(Batch* batch) {
  now_ = std::max(now_, context_->eval.now.micros);
  batch->columns.push_back(TimeValue(now_).Take(std::vector<uint32_t>(batch->size, 0)));
  batch->columns.push_back(Column::Constant<int64_t>(step_, batch->size));
}

void OverTimeOperator::OnBatch(size_t, Batch batch, const StepTime& time, const Emit&) {
  if (options_.plan.proctime) {
    AppendArrival(&batch);
  } else {
    DropNullTimes(&batch);
    DropLate(time, &batch);
  }
  if (batch.size == 0) return;
  assert(batch.append_only() ||
         std::ranges::all_of(batch.weights, [](int64_t w) { return w > 0; }));
  table_.Add(layout_.Encode(batch), batch.append_only() ? nullptr : batch.weights.data());
}

Column OverTimeOperator::TimeValue(int64_t time) const {
  Column value = MakeColumn(layout_.schema()[layout_.order()[0].column].type, 1);
  value.mutable_data<int64_t>()[0] = time;
  return value;
}

size_t OverTimeOperator::RowsUntil(const OrderedPartition* partition, int64_t time) const {
  std::string bound(partition->key());
  layout_.AppendOrder(0, TimeValue(time), 0, &bound);
  return partition->UpperBound(bound);
}

int64_t OverTimeOperator::TimeOf(const char* row) const {
  return TimeOfKey(table_.Key(row).substr(table_.OrderBegin(row), kTimeBytes));
}

OverCarry* OverTimeOperator::CarryOf(const OrderedPartition* partition) const {
  if (!functions_.carries()) return nullptr;
  char* row = carries_.Find(partition->key(), HashBytes(partition->key()));
  return row == nullptr ? nullptr : CarryAt(row);
}

OverRows OverTimeOperator::RowsOf(const OrderedPartition* partition, const OverCarry* carry) const {
  return {&layout_, &table_, partition, &context_->eval, carry};
}

void OverTimeOperator::Unschedule(OrderedPartition* partition) {
  due_.erase({partition->tag, partition});
  partition->tag = kNotDue;
}

void OverTimeOperator::Schedule(OrderedPartition* partition, size_t known, int64_t passed) {
  Unschedule(partition);
  int64_t due = kNotDue;
  if (known < partition->size()) {
    due = TimeOf(partition->At(known));
  } else if (!partition->empty()) {
    const OverRows rows = RowsOf(partition, nullptr);
    due = functions_.NeededUntil(rows, TimeValue(TimeOf(partition->At(known - 1))));
    if (due != kNotDue) due = std::max(due, passed) + 1;
  }
  if (due == kNotDue) return;
  partition->tag = due;
  due_.emplace(due, partition);
}

void OverTimeOperator::Give(OrderedPartition* partition, size_t begin, size_t end,
                            const Emit& emit) {
  while (begin < end) {
    // Peers are given at once, so that what is forgotten behind them needs none of them.
    size_t to = std::min(end, begin + kChunkRows);
    to = std::min(end, partition->UpperBound(table_.PeerKey(partition->At(to - 1))));
    const int64_t last = TimeOf(partition->At(to - 1));
    GiveChunk(partition, begin, to, emit);
    begin = to;
    if (begin < end) {
      const size_t gone = Forget(partition, begin, last);
      begin -= gone;
      end -= gone;
    }
  }
}

void OverTimeOperator::GiveChunk(const OrderedPartition* partition, size_t begin, size_t end,
                                 const Emit& emit) {
  const OverRows rows = RowsOf(partition, CarryOf(partition));
  std::vector<size_t> columns(options_.input.size());
  for (size_t c = 0; c < columns.size(); ++c) columns[c] = c;
  Batch input;
  input.size = end - begin;
  input.columns = rows.Columns(begin, end, columns);
  RowErrors errors;
  const Batch results = functions_.Evaluate(rows, begin, end, &errors);
  Batch out = input;
  out.columns.insert(out.columns.end(), results.columns.begin(), results.columns.end());
  if (!errors.empty()) {
    std::vector<uint8_t> failed(out.size);
    for (const RowError& error : errors) failed[error.row] = 1;
    std::vector<uint32_t> good;
    for (uint32_t i = 0; i < out.size; ++i) {
      if (!failed[i]) good.push_back(i);
    }
    DropFailedRows(errors, "Over", options_.input, context_, &input);
    out = out.Take(good);
  }
  if (out.size > 0) emit(std::move(out));
}

size_t OverTimeOperator::Forget(OrderedPartition* partition, size_t known, int64_t time) {
  size_t count = functions_.Passed(RowsOf(partition, nullptr), known, TimeValue(time));
  // Peers, and with them the copies of a row, stay together.
  if (count < partition->size() && count > 0) {
    count = partition->LowerBound(table_.PeerKey(partition->At(count)));
  }
  if (count == 0) return 0;
  if (functions_.carries()) {
    carries_.Reserve(1);
    bool created = false;
    char* row = carries_.FindOrInsert(partition->key(), HashBytes(partition->key()), &created);
    if (created) {
      // As the rows: windows do not choose it.
      GroupTable::header(row).vnode = GroupTable::header(partition->At(0)).vnode;
    }
    carries_.BeforeChange(row);
    auto carry = created ? std::make_unique<OverCarry>() : std::unique_ptr<OverCarry>(CarryAt(row));
    functions_.Carry(RowsOf(partition, created ? nullptr : carry.get()), count, carry.get());
    CarryAt(row) = carry.release();
  }
  std::vector<char*> rows;
  partition->Copy(0, count, &rows);
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  for (char* row : rows) table_.Drop(partition, row);
  partition->Renumber();
  return count;
}

void OverTimeOperator::OnStep(const StepTime& time, const Emit& emit) {
  const bool proctime = options_.plan.proctime;
  if (proctime) now_ = std::max(now_, context_->eval.now.micros);
  const int64_t passed = proctime ? now_ : GivenUpTo(time.watermark);
  const int64_t before = GivenUpTo(time.before);
  if (std::exchange(restored_, false)) {
    table_.ForEachPartition([&](OrderedPartition* partition) {
      const size_t known = proctime ? partition->size() : RowsUntil(partition, before);
      Schedule(partition, known, kMinWatermark);
    });
  }
  for (const OrderedTable::PartitionChanges& changes : table_.Settle()) {
    OrderedPartition* const partition = changes.partition;
    if (proctime) {
      const size_t begin = partition->LowerBound(table_.Key(changes.rows.front().row));
      Give(partition, begin, partition->size(), emit);
      Forget(partition, partition->size(), now_);
      Schedule(partition, partition->size(), passed);
    } else {
      Schedule(partition, RowsUntil(partition, before), kMinWatermark);
    }
  }
  while (!due_.empty() && due_.begin()->first <= passed) {
    OrderedPartition* const partition = due_.begin()->second;
    if (!proctime) {
      Give(partition, RowsUntil(partition, before), RowsUntil(partition, passed), emit);
    }
    const size_t known = proctime ? partition->size() : RowsUntil(partition, passed);
    Schedule(partition, known - Forget(partition, known, passed), passed);
  }
  ++step_;
  table_.Finish();
}

void OverTimeOperator::BeginCheckpoint(StateWriter* writer) {
  table_.BeginCheckpoint(options_.id, writer);
  carries_.BeginCheckpoint(options_.id + 1, writer, [this](const char* row, std::string* value) {
    functions_.EncodeCarry(*CarryAt(row), value);
  });
}

bool OverTimeOperator::CopySlice(size_t max_rows) {
  return table_.CopySlice(max_rows) && carries_.CopySlice(max_rows);
}

void OverTimeOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  table_.Restore(options_.id, store, partition, partitions);
  store.Scan(options_.id + 1, partition, partitions,
             [&](uint32_t vnode, std::string_view key, std::string_view value) {
               carries_.Reserve(1);
               bool created = false;
               char* row = carries_.FindOrInsert(key, HashBytes(key), &created);
               auto carry = std::make_unique<OverCarry>();
               functions_.DecodeCarry(value, carry.get());
               CarryAt(row) = carry.release();
               GroupTable::header(row).vnode = static_cast<uint8_t>(vnode);
               GroupTable::MarkRestored(row);
             });
  restored_ = true;
  if (!options_.plan.proctime) return;
  // Later steps come behind those of the rows that are there.
  table_.ForEachPartition([this](const OrderedPartition* made) {
    const char* last = made->At(made->size() - 1);
    now_ = std::max(now_, TimeOf(last));
    const size_t at = table_.OrderBegin(last) + kTimeBytes;
    step_ = std::max(step_, TimeOfKey(table_.Key(last).substr(at, kTimeBytes)) + 1);
  });
}

size_t OverTimeOperator::state_bytes() const {
  const size_t carry = sizeof(OverCarry) + functions_.carry_bytes();
  return table_.bytes() + carries_.bytes() + carries_.size() * carry + functions_.heap_bytes();
}

}  // namespace millrace
