#include "executor/set_minus.h"

#include <algorithm>
#include <numeric>

namespace millrace {
namespace {

constexpr size_t kEmitRows = 4096;

}  // namespace

SetMinusOperator::SetMinusOperator(SetMinusOptions options)
    : options_(std::move(options)),
      columns_(options_.schema.size()),
      rows_(sizeof(Counts), options_.tracked) {
  std::iota(columns_.begin(), columns_.end(), size_t{0});
}

int64_t SetMinusOperator::Multiplicity(const Counts& counts) const {
  const int64_t left = std::max<int64_t>(counts.side[0], 0);
  const int64_t right = std::max<int64_t>(counts.side[1], 0);
  const int64_t bag = options_.plan.intersect ? std::min(left, right) : left - right;
  if (options_.plan.all) return std::max<int64_t>(bag, 0);
  return options_.plan.intersect ? bag > 0 : left > 0 && right == 0;
}

void SetMinusOperator::OnBatch(size_t port, Batch batch, const StepTime&, const Emit&) {
  found_.resize(batch.size);
  rows_.FindOrInsert(RowKeys(batch, columns_), found_, [](char*, size_t) {});
  for (size_t i = 0; i < batch.size; ++i) {
    char* row = found_[i];
    rows_.BeforeChange(row);
    Counts& counts = CountsOf(row);
    if (!GroupTable::header(row).touched) {
      GroupTable::header(row).touched = true;
      touched_.push_back({row, Multiplicity(counts)});
    }
    counts.side[port] += batch.weight(i);
  }
}

void SetMinusOperator::EmitRows(std::span<const char* const> rows, std::vector<int64_t> weights,
                                const Emit& emit) {
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
  }
  if (!std::ranges::all_of(weights, [](int64_t w) { return w == 1; })) {
    out.weights = std::move(weights);
  }
  emit(std::move(out));
}

void SetMinusOperator::OnStep(const StepTime&, const Emit& emit) {
  std::vector<const char*> rows;
  std::vector<int64_t> weights;
  const auto flush = [&] {
    if (!rows.empty()) EmitRows(rows, std::exchange(weights, {}), emit);
    rows.clear();
  };
  for (const Touched& t : touched_) {
    GroupTable::header(t.row).touched = false;
    const int64_t change = Multiplicity(CountsOf(t.row)) - t.before;
    if (change == 0) continue;
    rows.push_back(t.row);
    weights.push_back(change);
    if (rows.size() == kEmitRows) flush();
  }
  flush();
  for (const Touched& t : touched_) {
    const Counts& counts = CountsOf(t.row);
    if (counts.side[0] == 0 && counts.side[1] == 0) rows_.Erase(t.row);
  }
  touched_.clear();
}

void SetMinusOperator::BeginCheckpoint(StateWriter* writer) {
  rows_.BeginCheckpoint(options_.id, writer, [](const char* row, std::string* value) {
    value->append(row + GroupTable::kPayload, sizeof(Counts));
  });
}

void SetMinusOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  store.Scan(options_.id, partition, partitions,
             [&](uint32_t vnode, std::string_view key, std::string_view value) {
               rows_.Reserve(1);
               bool created = false;
               char* row = rows_.FindOrInsert(key, HashBytes(key), &created);
               std::memcpy(&CountsOf(row), value.data(), sizeof(Counts));
               GroupTable::header(row).vnode = static_cast<uint8_t>(vnode);
               GroupTable::MarkRestored(row);
             });
}

}  // namespace millrace
