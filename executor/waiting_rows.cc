#include "executor/waiting_rows.h"

#include <algorithm>
#include <numeric>

#include "types/row_key.h"

namespace millrace {
namespace {

Column Repeated(int64_t value, size_t size) {
  Column column(TypeId::kBigInt, size);
  std::fill_n(column.mutable_data<int64_t>(), size, value);
  return column;
}

}  // namespace

WaitingRows::WaitingRows(Schema schema, std::vector<size_t> exchange, bool tracked)
    : schema_(std::move(schema)),
      exchange_(std::move(exchange)),
      rows_(sizeof(int64_t), tracked) {
  for (const char* name : {"$due", "$tries"}) {
    schema_.push_back({name, Type(TypeId::kBigInt, false)});
  }
  columns_.resize(schema_.size());
  std::iota(columns_.begin(), columns_.end(), size_t{0});
}

void WaitingRows::Add(const Batch& batch, std::span<const uint32_t> which, int64_t due,
                      int64_t tries) {
  if (which.empty()) return;
  Batch rows = batch.Take(which);
  rows.columns.push_back(Repeated(due, rows.size));
  rows.columns.push_back(Repeated(tries, rows.size));
  found_.resize(rows.size);
  const RowKeys routes(rows, exchange_);
  rows_.FindOrInsert(RowKeys(rows, columns_), found_, [&](char* row, size_t i) {
    GroupTable::header(row).vnode = static_cast<uint8_t>(VnodeOf(routes.hash(i)));
    due_[due].push_back(row);
  });
  for (size_t i = 0; i < rows.size; ++i) {
    rows_.BeforeChange(found_[i]);
    WeightOf(found_[i]) += rows.weight(i);
  }
}

Batch WaitingRows::Decode(std::span<char* const> rows) const {
  Batch out;
  out.size = rows.size();
  auto heap = std::make_shared<Arena>();
  for (const Field& field : schema_) {
    out.columns.push_back(MakeColumn(field.type, out.size));
    out.columns.back().KeepAlive(heap);
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string_view key = rows_.key(rows[i]);
    for (Column& column : out.columns) DecodeKeyColumn(&key, &column, i, heap.get());
    out.weights.push_back(WeightOf(rows[i]));
  }
  return out;
}

std::map<int64_t, Batch> WaitingRows::TakeDue(int64_t now) {
  std::vector<char*> taken;
  while (!due_.empty() && due_.begin()->first <= now) {
    const std::vector<char*>& rows = due_.begin()->second;
    taken.insert(taken.end(), rows.begin(), rows.end());
    due_.erase(due_.begin());
  }
  std::map<int64_t, Batch> batches;
  if (taken.empty()) return batches;
  Batch all = Decode(taken);
  for (char* row : taken) rows_.Erase(row);
  std::map<int64_t, std::vector<uint32_t>> by_tries;
  for (uint32_t i = 0; i < all.size; ++i) {
    by_tries[all.columns.back().at<int64_t>(i)].push_back(i);
  }
  all.columns.resize(all.columns.size() - 2);
  for (const auto& [tries, rows] : by_tries) batches.emplace(tries, all.Take(rows));
  return batches;
}

void WaitingRows::BeginCheckpoint(OperatorId id, StateWriter* writer) {
  rows_.BeginCheckpoint(id, writer, [](const char* row, std::string* value) {
    value->append(row + GroupTable::kPayload, sizeof(int64_t));
  });
}

void WaitingRows::Restore(OperatorId id, const Store& store, size_t partition, size_t partitions) {
  std::vector<char*> restored;
  store.Scan(id, partition, partitions,
             [&](uint32_t vnode, std::string_view key, std::string_view value) {
               rows_.Reserve(1);
               bool created = false;
               char* row = rows_.FindOrInsert(key, HashBytes(key), &created);
               std::memcpy(&WeightOf(row), value.data(), sizeof(int64_t));
               GroupTable::header(row).vnode = static_cast<uint8_t>(vnode);
               GroupTable::MarkRestored(row);
               restored.push_back(row);
             });
  if (restored.empty()) return;
  const Batch rows = Decode(restored);
  const Column& due = rows.columns[rows.columns.size() - 2];
  for (size_t i = 0; i < rows.size; ++i) due_[due.at<int64_t>(i)].push_back(restored[i]);
}

}  // namespace millrace
