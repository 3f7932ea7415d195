#include "executor/early_fire.h"

#include <algorithm>
#include <numeric>

#include "executor/windows.h"
#include "types/row_key.h"

namespace millrace {
namespace {

constexpr size_t kEmitRows = 4096;

}  // namespace

EarlyFireOperator::EarlyFireOperator(EarlyFireOptions options, PartitionContext* context)
    : options_(std::move(options)),
      context_(context),
      columns_(options_.schema.size()),
      rows_(sizeof(Held), options_.tracked),
      next_fire_(kMaxWatermark) {
  std::iota(columns_.begin(), columns_.end(), size_t{0});
}

// A row without a window is none that could be held.
int64_t EarlyFireOperator::ClosesAt(const Batch& batch, size_t i) const {
  const Column& column = batch.columns[options_.closes];
  if (column.IsNull(i)) return kMinWatermark;
  const int64_t at = column.at<int64_t>(i);
  return options_.closes_is_end ? LastInstantBefore(at, options_.zone) : at;
}

void EarlyFireOperator::Hold(char* row, int64_t closes) {
  windows_[closes].push_back(row);
  const int64_t since = HeldOf(row).since;
  int64_t into = since % options_.interval;
  if (into < 0) into += options_.interval;
  next_fire_ = std::min(next_fire_, since - into + options_.interval);
}

void EarlyFireOperator::OnBatch(size_t, Batch batch, const StepTime&, const Emit&) {
  found_.resize(batch.size);
  const RowKeys routes(batch, options_.exchange);
  rows_.FindOrInsert(RowKeys(batch, columns_), found_, [&](char* row, size_t i) {
    GroupTable::header(row).vnode = static_cast<uint8_t>(VnodeOf(routes.hash(i)));
    HeldOf(row).since = context_->eval.now.micros;
    Hold(row, ClosesAt(batch, i));
  });
  for (size_t i = 0; i < batch.size; ++i) {
    rows_.BeforeChange(found_[i]);
    HeldOf(found_[i]).weight += batch.weight(i);
  }
}

void EarlyFireOperator::Release(Windows::iterator window, std::vector<char*>* released) {
  for (char* row : window->second) {
    if (HeldOf(row).weight != 0) {
      released->push_back(row);
    } else {
      rows_.Erase(row);
    }
  }
  windows_.erase(window);
}

void EarlyFireOperator::OnStep(const StepTime& time, const Emit& emit) {
  const bool fires = context_->eval.now.micros >= next_fire_;
  std::vector<char*> released;
  while (!windows_.empty() && (fires || windows_.begin()->first <= time.watermark)) {
    Release(windows_.begin(), &released);
  }
  if (windows_.empty()) next_fire_ = kMaxWatermark;
  for (size_t at = 0; at < released.size(); at += kEmitRows) {
    EmitRows(std::span(released).subspan(at, std::min(kEmitRows, released.size() - at)), emit);
  }
}

void EarlyFireOperator::EmitRows(std::span<char* const> rows, const Emit& emit) {
  Batch out;
  out.size = rows.size();
  auto heap = std::make_shared<Arena>();
  for (const Field& field : options_.schema) {
    out.columns.push_back(MakeColumn(field.type, out.size));
    out.columns.back().KeepAlive(heap);
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string_view key = rows_.key(rows[i]);
    for (Column& column : out.columns) DecodeKeyColumn(&key, &column, i, heap.get());
    out.weights.push_back(HeldOf(rows[i]).weight);
    rows_.Erase(rows[i]);
  }
  emit(std::move(out));
}

int64_t EarlyFireOperator::NextTimer() const { return next_fire_; }

void EarlyFireOperator::BeginCheckpoint(StateWriter* writer) {
  rows_.BeginCheckpoint(options_.id, writer, [](const char* row, std::string* value) {
    value->append(row + GroupTable::kPayload, sizeof(Held));
  });
}

void EarlyFireOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  std::vector<char*> restored;
  store.Scan(options_.id, partition, partitions,
             [&](uint32_t vnode, std::string_view key, std::string_view value) {
               rows_.Reserve(1);
               bool created = false;
               char* row = rows_.FindOrInsert(key, HashBytes(key), &created);
               std::memcpy(&HeldOf(row), value.data(), sizeof(Held));
               GroupTable::header(row).vnode = static_cast<uint8_t>(vnode);
               GroupTable::MarkRestored(row);
               restored.push_back(row);
             });
  Batch one;
  one.size = 1;
  auto heap = std::make_shared<Arena>();
  for (const Field& field : options_.schema) {
    one.columns.push_back(MakeColumn(field.type, 1));
    one.columns.back().KeepAlive(heap);
  }
  for (char* row : restored) {
    std::string_view key = rows_.key(row);
    for (Column& column : one.columns) DecodeKeyColumn(&key, &column, 0, heap.get());
    Hold(row, ClosesAt(one, 0));
  }
}

}  // namespace millrace
