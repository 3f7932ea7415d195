#include "executor/embedded_table.h"

#include <algorithm>
#include <numeric>

#include "base/log.h"
#include "executor/consolidate.h"

namespace millrace {
namespace {

constexpr size_t kLoadRows = 8192;

ViewSpec SpecOf(const EmbeddedTableOptions& options) {
  ViewSpec spec;
  spec.schema = options.schema;
  spec.key = options.key;
  spec.kind = options.key.empty() ? ViewSpec::Kind::kBag : ViewSpec::Kind::kKeyed;
  return spec;
}

std::vector<size_t> AllOf(const Schema& schema) {
  std::vector<size_t> columns(schema.size());
  std::iota(columns.begin(), columns.end(), size_t{0});
  return columns;
}

// The rows with weights -1 or less, then those with positive ones.
Batch Join(Batch gone, const Batch& come) {
  for (size_t i = gone.weights.size(); i < gone.size; ++i) gone.weights.push_back(1);
  for (int64_t& weight : gone.weights) weight = -weight;
  if (gone.size == 0) return come;
  if (come.size == 0) return gone;
  const Batch parts[] = {std::move(gone), come};
  return Concat(parts);
}

}  // namespace

EmbeddedTable::EmbeddedTable(EmbeddedTableOptions options)
    : options_(std::move(options)),
      log_(options_.directory, options_.schema, {options_.sync, options_.changes}),
      rows_(SpecOf(options_), false) {
  if (options_.changes) Load();
}

EmbeddedTable::~EmbeddedTable() {
  if (compactor_.joinable()) compactor_.join();
}

void EmbeddedTable::Load() {
  const std::unique_ptr<Source> source =
      log_.OpenSource(AllOf(options_.schema), TableRead::kBounded);
  for (bool end = false; !end;) {
    const SourceBatch batch = source->Poll(0, kLoadRows);
    end = batch.end;
    rows_.Apply(*batch.rows);
  }
}

uint64_t EmbeddedTable::rows() const {
  if (!options_.changes) return log_.rows();
  const std::shared_lock lock(rows_mutex_);
  return rows_.live();
}

void EmbeddedTable::CheckKeys(const Batch& rows) const {
  if (rows.size == 0) return;
  for (size_t column : options_.key) {
    if (!rows.columns[column].may_have_nulls()) continue;
    for (size_t i = 0; i < rows.size; ++i) {
      if (!rows.columns[column].IsNull(i)) continue;
      throw Error(ErrorCode::kTypeMismatch, "column \"" + options_.schema[column].name +
                                                "\" is part of the PRIMARY KEY and cannot be NULL");
    }
  }
}

// Of several rows of one key the last counts. REQUIRES: the lock of the writers.
Batch EmbeddedTable::UpsertDelta(const Batch& rows) const {
  const RowKeys keys(rows, options_.key);
  GroupTable last(sizeof(uint32_t), false);
  std::vector<char*> places(rows.size);
  last.FindOrInsert(keys, places, [](char*, size_t) {});
  auto last_of = [&](size_t i) -> uint32_t& {
    return *reinterpret_cast<uint32_t*>(places[i] + GroupTable::kPayload);
  };
  for (uint32_t i = 0; i < rows.size; ++i) last_of(i) = i;
  std::vector<uint32_t> final_rows, set, had;
  for (uint32_t i = 0; i < rows.size; ++i) {
    if (last_of(i) != i) continue;
    final_rows.push_back(i);
    if (rows.weight(i) > 0) set.push_back(i);
  }
  Batch come = rows.Take(set);
  come.weights.clear();
  Batch delta = Join(rows_.Rows(keys, final_rows, &had), come);
  // A row that is put where it already is changes nothing.
  return had.empty() ? delta : Consolidate(delta);
}

void EmbeddedTable::CheckTakenOut(const Batch& delta) const {
  const RowKeys keys(delta, AllOf(options_.schema));
  for (size_t i = 0; i < delta.size; ++i) {
    if (rows_.Count(keys[i]) + delta.weight(i) >= 0) continue;
    throw Error(ErrorCode::kBadRequest, "a row to be taken out is not in the table");
  }
}

// REQUIRES: the lock of the writers.
Batch EmbeddedTable::DeltaOf(const Batch& rows) const {
  if (!options_.key.empty()) return UpsertDelta(rows);
  if (rows.append_only()) return rows;
  Batch delta = Consolidate(rows);
  CheckTakenOut(delta);
  return delta;
}

// REQUIRES: the lock of the writers.
TableLog::Written EmbeddedTable::Write(const Batch& delta, const RequestKey* key) {
  if (delta.size == 0 && key == nullptr) return last_;
  const TableLog::Written written = log_.Write(delta, key);
  const std::unique_lock lock(rows_mutex_);
  rows_.Apply(delta);
  last_ = written;
  return written;
}

AppendedRows EmbeddedTable::Insert(const Batch& rows, const RequestKey* key) {
  if (options_.changes) return InsertChanges(rows, key);
  if (!rows.append_only()) {
    throw Error(ErrorCode::kBadRequest, "the table is append-only: no rows can be taken out");
  }
  TableLog::Written written;
  if (key != nullptr) {
    // Only requests that may be one another wait here.
    const std::lock_guard lock(writers_);
    if (const auto before = log_.FindRequest(*key)) return *before;
    written = log_.Write(rows, key);
  } else {
    if (rows.size == 0) return {log_.rows(), log_.rows()};
    written = log_.Write(rows);
  }
  log_.Finish(written);
  return {written.first_row, written.first_row + rows.size};
}

AppendedRows EmbeddedTable::InsertChanges(const Batch& rows, const RequestKey* key) {
  CheckKeys(rows);
  TableLog::Written written;
  size_t size = 0;
  {
    const std::lock_guard lock(writers_);
    if (key != nullptr) {
      if (const auto before = log_.FindRequest(*key)) return *before;
    }
    const Batch delta = DeltaOf(rows);
    size = delta.size;
    written = Write(delta, key);
  }
  log_.Finish(written);
  CompactIfDue();
  return {written.first_row, written.first_row + size};
}

void EmbeddedTable::InsertOnce(const std::string& writer, uint64_t sequence, const Batch& changes) {
  {
    const std::lock_guard lock(writers_);
    if (log_.HasAppended(writer, sequence)) return;
    const Batch delta = options_.key.empty() ? changes : NetDelta(changes);
    // Also without a change: it would be made out again with other rows there.
    log_.AppendOnce(writer, sequence, delta);
    if (!options_.changes) return;
    const std::unique_lock rows_lock(rows_mutex_);
    rows_.Apply(delta);
  }
  CompactIfDue();
}

// REQUIRES: the lock of the writers.
Batch EmbeddedTable::NetDelta(const Batch& changes) const {
  const Batch net = changes.append_only() ? changes : Consolidate(changes);
  // What is set stands behind what is taken out, so that it counts.
  std::vector<uint32_t> order;
  for (const bool set : {false, true}) {
    for (uint32_t i = 0; i < net.size; ++i) {
      if ((net.weight(i) > 0) == set) order.push_back(i);
    }
  }
  return UpsertDelta(net.Take(order));
}

// REQUIRES: the lock of the writers.
void EmbeddedTable::CheckNewKeys(const Batch& gone, const Batch& come) const {
  if (options_.key.empty() || come.size == 0) return;
  const RowKeys old_keys(gone, options_.key), keys(come, options_.key);
  std::vector<std::string_view> freed, taken;
  for (size_t i = 0; i < gone.size; ++i) freed.push_back(old_keys[i]);
  for (size_t i = 0; i < come.size; ++i) taken.push_back(keys[i]);
  std::ranges::sort(freed);
  std::ranges::sort(taken);
  bool twice = std::ranges::adjacent_find(taken) != taken.end();
  for (size_t i = 0; i < come.size && !twice; ++i) {
    twice = !std::ranges::binary_search(freed, keys[i]) && rows_.Count(keys[i]) > 0;
  }
  if (!twice) return;
  throw Error(ErrorCode::kBadRequest, "two rows would have the same PRIMARY KEY");
}

void EmbeddedTable::Change(std::unique_lock<std::mutex> writing, const Batch& gone,
                           const Batch& come) {
  CheckKeys(come);
  CheckNewKeys(gone, come);
  const TableLog::Written written = Write(Consolidate(Join(gone, come)));
  writing.unlock();
  log_.Finish(written);
  CompactIfDue();
}

void EmbeddedTable::CompactIfDue() {
  if (!options_.changes) return;
  const TableLog::Sizes sizes = log_.sizes();
  if (sizes.behind <= std::max(options_.compact_bytes, 2 * sizes.base)) return;
  if (compacting_.exchange(true)) return;
  if (compactor_.joinable()) compactor_.join();
  compactor_ = std::thread([this] {
    try {
      Compact();
    } catch (const std::exception& error) {
      // The log stays as it was; the next write tries again.
      Log(LogLevel::kWarning, "table", "the log is not compacted",
          {{"directory", options_.directory}, {"error", std::string_view(error.what())}});
    }
    compacting_ = false;
    compacting_.notify_all();
  });
}

void EmbeddedTable::StopCompaction() {
  while (compacting_.exchange(true)) compacting_.wait(true);
}

void EmbeddedTable::Compact() {
  ViewSnapshot snapshot;
  uint64_t next_row = 0;
  {
    const std::lock_guard lock(writers_);
    snapshot = rows_.Snapshot();
    next_row = log_.BeginSegment();
  }
  std::vector<Batch> rows;
  snapshot.ForEach([&](Batch batch) { rows.push_back(std::move(batch)); });
  log_.WriteBase(next_row, rows);
}

std::vector<Batch> EmbeddedTable::Rows() {
  ViewSnapshot snapshot;
  TableLog::Written last;
  {
    const std::shared_lock lock(rows_mutex_);
    snapshot = rows_.Snapshot();
    last = last_;
  }
  // Nobody sees a row that a power failure could take back.
  log_.WaitDurable(last);
  std::vector<Batch> rows;
  snapshot.ForEach([&](Batch batch) { rows.push_back(std::move(batch)); });
  return rows;
}

}  // namespace millrace
